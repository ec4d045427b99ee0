import { expect, test, vi } from "vitest";
import type { Store } from "../../../src/store/store.ts";
import { ENGINE } from "../../support/store-engine.ts";
import {
  newUser,
  rawDatabase,
  sqliteTest,
  storeAt,
  temporaryRoot,
  temporaryStore,
} from "./instance.ts";

test("tells what changed since, in order", async () => {
  const { store } = await temporaryStore();
  expect(await store.changes.latestId()).toBe(0);
  const first = await store.changes.add("user-set", 1, "quota");
  const second = await store.changes.add("user-disabled", 2);
  expect(await store.changes.latestId()).toBe(second);
  expect(await store.changes.since(0)).toEqual([
    { id: first, kind: "user-set", userId: 1, detail: "quota" },
    { id: second, kind: "user-disabled", userId: 2, detail: "" },
  ]);
  expect(await store.changes.since(first)).toHaveLength(1);
  expect(await store.changes.since(second)).toEqual([]);
});

test("poll sees another's write once, and not its own", async () => {
  const root = await temporaryRoot();
  const [one, two] = [await storeAt(root), await storeAt(root)];
  one.changes.poll();
  two.changes.poll();
  await one.changes.add("squeeze", 1);
  expect(one.changes.poll()).toBe(false);
  await told(two);
  expect(await two.changes.since(0)).toHaveLength(1);
  expect(two.changes.poll()).toBe(false);
  await two.changes.add("squeeze", 1);
  await told(one);
});

/** SQLite tells at once, PostgreSQL by a message. */
async function told({ changes }: Store): Promise<void> {
  if (ENGINE === "sqlite") expect(changes.poll()).toBe(true);
  else await vi.waitFor(() => expect(changes.poll()).toBe(true), { timeout: 5_000 });
}

sqliteTest("poll sees whatever another one writes", async () => {
  const root = await temporaryRoot();
  const [one, two] = [await storeAt(root), await storeAt(root)];
  one.changes.poll();
  await two.users.add(newUser("ann"));
  expect(one.changes.poll()).toBe(true);
});

test("keeps the last 10,000", async () => {
  const { root, store } = await temporaryStore();
  const database = await rawDatabase(root);
  const insert = database.prepare("INSERT INTO changes (kind, user_id, at) VALUES ('stop', ?, 1)");
  database.exec("BEGIN");
  for (let n = 1; n <= 10_005; n += 1) insert.run(n);
  database.exec("COMMIT");
  const newest = await store.changes.add("stop", 0);
  const kept = await store.changes.since(0);
  expect(kept).toHaveLength(10_000);
  expect(kept[0]?.id).toBe(newest - 9_999);
  expect(await store.changes.latestId()).toBe(newest);
});
