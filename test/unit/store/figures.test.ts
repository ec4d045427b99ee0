import { expect, test } from "vitest";
import { newUser, temporaryStore } from "./instance.ts";

test("sums quotas beyond what a number has exactly, and counts who is near the own one", async () => {
  const { store } = await temporaryStore();
  const most = Number.MAX_SAFE_INTEGER;
  for (const name of ["ann", "bob", "cid"]) {
    await store.users.add(newUser(name, { quotaBytes: most }));
  }
  await store.users.add(newUser("none"));
  await store.users.add(newUser("full", { quotaBytes: 0 }));
  await store.folders.add({ name: "@f", quotaBytes: 5, quotaFiles: null });
  const sums = { usedBytes: 0, usedFiles: 0, near: 0 };
  const found = await store.figures.homes();
  expect(found.sort((a, b) => a.kind.localeCompare(b.kind))).toEqual([
    { kind: "folder", count: 1, ...sums, quotaBytes: 5, over: 0 },
    { kind: "user", count: 5, ...sums, quotaBytes: 3 * most, over: 1 },
  ]);
});
