import { expect, test } from "vitest";
import type { UserKey } from "../../../src/store/types.ts";
import { newUser, temporaryStore } from "./instance.ts";

function key(fingerprint: string, createdAt = 1): UserKey {
  return {
    fingerprint,
    algorithm: "ssh-ed25519",
    blob: Buffer.from([0, 255, 1]),
    comment: "c",
    createdAt,
  };
}

test("adds, finds, lists and removes a key", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  expect(await store.keys.add(id, key("SHA256:b", 2))).toBe(true);
  expect(await store.keys.add(id, key("SHA256:a", 3))).toBe(true);
  expect(await store.keys.list(id)).toEqual([key("SHA256:b", 2), key("SHA256:a", 3)]);
  expect(await store.keys.find(id, "SHA256:a")).toEqual(key("SHA256:a", 3));
  expect(await store.keys.remove(id, "SHA256:a")).toBe(true);
  expect(await store.keys.remove(id, "SHA256:a")).toBe(false);
  expect(await store.keys.find(id, "SHA256:a")).toBeUndefined();
});

test("says when the user has the key already, and keeps the first", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  await store.keys.add(id, key("SHA256:a", 1));
  expect(await store.keys.add(id, key("SHA256:a", 2))).toBe(false);
  expect(await store.keys.list(id)).toEqual([key("SHA256:a", 1)]);
});

test("keeps users apart", async () => {
  const { store } = await temporaryStore();
  const ann = await store.users.add(newUser("ann"));
  const bob = await store.users.add(newUser("bob"));
  await store.keys.add(ann.id, key("SHA256:a"));
  await store.keys.add(ann.id, key("SHA256:b"));
  await store.keys.add(bob.id, key("SHA256:a"));
  expect(await store.keys.find(bob.id, "SHA256:b")).toBeUndefined();
  expect(await store.keys.remove(bob.id, "SHA256:b")).toBe(false);
  expect(await store.keys.counts()).toEqual(
    new Map([
      [ann.id, 2],
      [bob.id, 1],
    ]),
  );
});

test("refuses a key for a user who is not there", async () => {
  const { store } = await temporaryStore();
  await expect(store.keys.add(4711, key("SHA256:a"))).rejects.toThrow();
});
