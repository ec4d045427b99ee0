import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Account } from "../../../src/store/types.ts";
import { newUser, rawDatabase, storeAt, temporaryStore } from "./instance.ts";

const MD5 = { md5: "d41d8cd98f00b204e9800998ecf8427e" };
const SHA1 = { sha1: "da39a3ee5e6b4b0d3255bfef95601890afd80709" };

async function start() {
  const { root, store } = await temporaryStore();
  const ada: Account = await store.users.add(newUser("ada"));
  return { root, store, digests: store.digests, ada };
}

test("digests are good for one state of one file", async () => {
  const { digests, ada } = await start();
  await digests.put(ada.id, "1:2:3", "10:1:1", MD5);
  expect(await digests.find("1:2:3", "10:1:1")).toEqual({ digests: MD5, token: null });
  expect(await digests.find("1:2:3", "10:1:2")).toBeUndefined();
  expect(await digests.find("1:2:4", "10:1:1")).toBeUndefined();
});

test("more digests of the same state join the others, those of a new state replace them", async () => {
  const { digests, ada } = await start();
  await digests.put(ada.id, "i", "a", MD5);
  await digests.put(ada.id, "i", "a", SHA1);
  expect((await digests.find("i", "a"))?.digests).toEqual({ ...MD5, ...SHA1 });
  await digests.put(ada.id, "i", "b", SHA1);
  expect(await digests.find("i", "a")).toBeUndefined();
  expect((await digests.find("i", "b"))?.digests).toEqual(SHA1);
});

test("a followed upload has no digests before it ends, and then those it was given", async () => {
  const { digests, ada } = await start();
  const token = randomUUID();
  expect(await digests.claim(ada.id, "i", token)).toBe(true);
  expect(await digests.closed("i", token, "a")).toBe(true);
  expect(await digests.find("i", "a")).toEqual({ digests: {}, token });
  expect(await digests.finish("i", token, MD5)).toBe(true);
  expect(await digests.find("i", "a")).toEqual({ digests: MD5, token: null });
  expect(await digests.finish("i", token, SHA1)).toBe(false);
});

test("whoever opens the file for writing ends what others claimed", async () => {
  const { digests, ada } = await start();
  const token = randomUUID();
  await digests.claim(ada.id, "i", token);
  await digests.forget("i");
  expect(await digests.closed("i", token, "a")).toBe(false);
  expect(await digests.finish("i", token, MD5)).toBe(false);
  expect(await digests.find("i", "a")).toBeUndefined();
});

test("files that are gone are forgotten together, and no others", async () => {
  const { digests, ada } = await start();
  for (const inode of ["i", "j", "k"]) await digests.put(ada.id, inode, "a", MD5);
  await digests.forgetAll([]);
  await digests.forgetAll(["i", "k", "unknown"]);
  expect(await digests.find("i", "a")).toBeUndefined();
  expect(await digests.find("k", "a")).toBeUndefined();
  expect((await digests.find("j", "a"))?.digests).toEqual(MD5);
});

test("a claim that is given up takes no other's digests along", async () => {
  const { digests, ada } = await start();
  const token = randomUUID();
  await digests.claim(ada.id, "i", token);
  await digests.put(ada.id, "i", "a", MD5);
  await digests.release("i", token);
  expect((await digests.find("i", "a"))?.digests).toEqual(MD5);
});

test("nothing is kept or claimed while another process has the file open", async () => {
  const { root, digests, ada } = await start();
  const other = await storeAt(root);
  const opened = await other.ledger.open(ada.id, Buffer.from("/f"), () => ({
    inode: "i",
    size: 0,
  }));
  await digests.put(ada.id, "i", "a", MD5);
  expect(await digests.find("i", "a")).toBeUndefined();
  expect(await digests.claim(ada.id, "i", randomUUID())).toBe(false);
  await other.ledger.settle(opened, () => ({ size: 0, linked: true }));
  await digests.put(ada.id, "i", "a", MD5);
  expect(await digests.find("i", "a")).toBeDefined();
});

test("a file's own process having it open does no harm", async () => {
  const { store, digests, ada } = await start();
  await store.ledger.open(ada.id, Buffer.from("/f"), () => ({ inode: "i", size: 0 }));
  expect(await digests.claim(ada.id, "i", randomUUID())).toBe(true);
});

test("digests go on from one state to the next, if they were of that state", async () => {
  const { digests, ada } = await start();
  await digests.put(ada.id, "i", "a", MD5);
  await digests.carry("i", "other", "b");
  expect(await digests.find("i", "a")).toBeDefined();
  await digests.carry("i", "a", "b");
  expect(await digests.find("i", "a")).toBeUndefined();
  expect((await digests.find("i", "b"))?.digests).toEqual(MD5);
});

test("the digests of a removed user go", async () => {
  const { root, store, digests, ada } = await start();
  await digests.put(ada.id, "i", "a", MD5);
  await store.users.remove(ada.id);
  expect((await rawDatabase(root)).prepare("SELECT count(*) AS n FROM digests").get()).toEqual({
    n: 0,
  });
  await digests.put(ada.id, "i", "a", MD5);
  expect(await digests.find("i", "a")).toBeUndefined();
  expect(await digests.claim(ada.id, "i", randomUUID())).toBe(false);
});

test("those not used for longest go first", async () => {
  const { root, digests, ada } = await start();
  for (const inode of ["a", "b", "c", "d"]) await digests.put(ada.id, inode, "s", MD5);
  const database = await rawDatabase(root);
  const age = database.prepare("UPDATE digests SET used_at = ? WHERE inode = ?");
  for (const [index, inode] of ["a", "b", "c", "d"].entries()) age.run(1000 + index, inode);
  await digests.find("a", "s");
  expect(await digests.prune(2)).toBe(2);
  const left = database.prepare("SELECT inode FROM digests ORDER BY inode").pluck().all();
  expect(left).toEqual(["a", "d"]);
  expect(await digests.prune(2)).toBe(0);
});

test("digests of another process are seen", async () => {
  const { root, digests, ada } = await start();
  const other = await storeAt(root);
  await other.digests.put(ada.id, "i", "a", MD5);
  expect((await digests.find("i", "a"))?.digests).toEqual(MD5);
});
