import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Store } from "../../../src/store/store.ts";
import type { UserOrder, UserPageRequest } from "../../../src/store/user-page.ts";
import { TestInstance } from "../../support/instance.ts";

let instance: TestInstance;
let store: Store;

beforeEach(async () => {
  instance = await TestInstance.create();
  store = instance.store;
});

afterEach(() => instance.close());

function page(request: Partial<UserPageRequest> = {}) {
  const all = { filter: "", order: "name", descending: false, offset: 0, limit: 100 } as const;
  return store.userPages.page({ ...all, ...request });
}

async function names(request: Partial<UserPageRequest> = {}): Promise<string[]> {
  return (await page(request)).rows.map(({ name }) => name);
}

async function session(userId: number): Promise<void> {
  const limits = { maxSessions: 99, maxSessionsPerUser: 99, queue: 0 };
  await store.sessions.enter({ userId, remote: "", client: "" }, limits);
}

describe("the order", () => {
  test.each<[UserOrder, string[]]>([
    ["name", ["ann", "bob", "eve"]],
    ["role", ["bob", "ann", "eve"]],
    ["state", ["eve", "ann", "bob"]],
    ["sessions", ["ann", "eve", "bob"]],
    ["login", ["ann", "eve", "bob"]],
    ["percent", ["eve", "ann", "bob"]],
    ["used", ["ann", "bob", "eve"]],
  ])("by %s, then by name", async (order, expected) => {
    await instance.addUser("eve", null);
    const bob = await instance.addUser("bob", 0);
    await instance.addUser("ann", 100);
    await store.users.set(bob.id, { role: "admin" });
    await store.users.loggedIn(bob.id, 5);
    await session(bob.id);
    const eve = await store.users.byName("eve");
    await store.users.setEnabled(eve?.id ?? 0, false);
    expect(await names({ order })).toEqual(expected);
    const ties = await names({ order, descending: true });
    expect([...ties].sort()).toEqual(["ann", "bob", "eve"]);
  });
});

test("a number at a name's end counts as a number, in both directions", async () => {
  const natural = ["a", "user", "user2", "user02", "user10", "user10b", "vera1"];
  for (const name of natural.toReversed()) await instance.addUser(name, null);
  expect(await names()).toEqual(natural);
  expect(await names({ descending: true })).toEqual(natural.toReversed());
  expect(await names({ order: "used" })).toEqual(natural);
});

test("the filter is a part of the name, and nothing else", async () => {
  for (const name of ["a_b", "axb", "a.b", "bab"]) await instance.addUser(name, null);
  expect(await names({ filter: "_" })).toEqual(["a_b"]);
  expect(await names({ filter: "%" })).toEqual([]);
  expect(await names({ filter: "\\" })).toEqual([]);
  expect(await names({ filter: "ab" })).toEqual(["bab"]);
  expect((await page({ filter: "a", limit: 1 })).total).toBe(4);
});

test("a row has keys, sessions and what is stored", async () => {
  const ann = await instance.addUser("ann", 5);
  await session(ann.id);
  await session(ann.id);
  const fingerprint = "SHA256:x";
  const key = { fingerprint, algorithm: "a", blob: Buffer.from("b"), comment: "", createdAt: 1 };
  await store.keys.add(ann.id, key);
  const expected = {
    id: ann.id,
    name: "ann",
    role: "user",
    enabled: true,
    hasPassword: false,
    keys: 1,
    quotaBytes: 5,
    quotaFiles: null,
    usedBytes: 0,
    usedFiles: 0,
    sessions: 2,
    createdAt: ann.createdAt,
    lastLoginAt: null,
    expiresAt: null,
    from: null,
    auth: null,
    maxSessions: null,
    effective: {
      expiresAt: null,
      from: null,
      auth: null,
      maxSessions: null,
      uploadRate: null,
      downloadRate: null,
      trashKeep: null,
      require: null,
    },
    groups: [],
    origins: {},
    quotaOwn: true,
    quotaGroups: [],
    uploadRate: null,
    downloadRate: null,
    trashKeep: null,
    require: null,
    passwordChange: false,
    hasFactor: false,
  };
  expect((await page()).rows).toEqual([expected]);
  expect(await store.userPages.one("ann")).toEqual(expected);
  expect(await store.userPages.one("bob")).toBeUndefined();
});

test("pages of many users neither overlap nor leave anybody out", async () => {
  const all = Array.from({ length: 250 }, (_, n) => `user${String(n).padStart(3, "0")}`);
  for (const name of all) await instance.addUser(name, 1000);
  for (const order of ["name", "used", "percent", "sessions"] as const) {
    const seen: string[] = [];
    for (let offset = 0; offset < 300; offset += 50) {
      const { total, rows } = await page({ order, descending: true, offset, limit: 50 });
      expect(total).toBe(250);
      seen.push(...rows.map(({ name }) => name));
    }
    expect(seen.sort()).toEqual(all);
  }
});
