import { expect, test } from "vitest";
import type { Store } from "../../../src/store/store.ts";
import { NoGroupError } from "../../../src/store/users.ts";
import { newUser, rawDatabase, storeAt, temporaryStore } from "./instance.ts";

const DEFAULT = 1_000;
const quota = (quotaBytes: number | null) => ({ quota: { hasQuota: true, quotaBytes } });

async function group(store: Store, name: string, change = {}): Promise<number> {
  const added = await store.groups.add(name, change);
  if (added === undefined) throw new Error("taken");
  return added.id;
}

async function quotaOf(store: Store, id: number) {
  return (await store.users.byId(id))?.quotaBytes;
}

test("a group is kept with its limits, each set without the others, and a name is taken once", async () => {
  const { root, store } = await temporaryStore();
  const id = await group(store, "students", { maxSessions: 2, from: ["192.0.2.0/24"] });
  expect(await store.groups.add("students", {})).toBeUndefined();
  expect(await store.groups.set(id, { maxSessions: null, ...quota(5) })).toBe(true);
  expect(await (await storeAt(root)).groups.byName("students")).toMatchObject({
    maxSessions: null,
    from: ["192.0.2.0/24"],
    hasQuota: true,
    quotaBytes: 5,
    members: 0,
    shares: 0,
    rules: 0,
  });
  expect(await store.groups.set(id + 1, {})).toBe(false);
  expect(await store.groups.byName("staff")).toBeUndefined();
});

test("limits of groups count wherever users are read, and beside them are the own ones", async () => {
  const { store } = await temporaryStore();
  const one = await group(store, "one", { maxSessions: 2, auth: ["key"] });
  const { id } = await store.users.add(newUser("ann", { auth: ["password"] }));
  expect(await store.groups.join({ groupId: one, userId: id }, DEFAULT)).toBe(true);
  expect(await store.groups.join({ groupId: one, userId: id }, DEFAULT)).toBe(false);
  const expected = {
    maxSessions: 2,
    auth: ["password"],
    own: { expiresAt: null, from: null, auth: ["password"], maxSessions: null },
    groups: ["one"],
    origins: { maxSessions: ["one"] },
  };
  expect(await store.users.byId(id)).toMatchObject(expected);
  expect(await store.users.byName("ann")).toMatchObject(expected);
  expect((await store.users.list())[0]).toMatchObject(expected);
  const { own, maxSessions, auth, ...listed } = expected;
  const effective = { expiresAt: null, from: null, auth, maxSessions };
  expect(await store.userPages.one("ann")).toMatchObject({ ...listed, ...own, effective });
});

test("what is set of a user doesn't take over what the groups say", async () => {
  const { store } = await temporaryStore();
  const groupId = await group(store, "one", { maxSessions: 2 });
  const { id: userId } = await store.users.add(newUser("ann", { groups: ["one"] }));
  await store.users.set(userId, { role: "admin" });
  await store.groups.set(groupId, { maxSessions: 7 });
  expect(await store.users.byId(userId)).toMatchObject({ maxSessions: 7, role: "admin" });
});

test("admission counts with the sessions that the groups allow", async () => {
  const { store } = await temporaryStore();
  const groupId = await group(store, "one", { maxSessions: 2 });
  const { id: userId } = await store.users.add(newUser("ann", { groups: ["one"] }));
  const limits = { maxSessions: 100, maxSessionsPerUser: 1, queue: 0 };
  const enter = () => store.sessions.enter({ userId, remote: "x", client: "y" }, limits);
  expect((await enter()).outcome).toBe("active");
  expect((await enter()).outcome).toBe("active");
  expect(await enter()).toEqual({ outcome: "refused", reason: "user-limit", limit: 2 });
  await store.groups.set(groupId, { maxSessions: 3 });
  expect((await enter()).outcome).toBe("active");
  await store.groups.leave({ groupId, userId }, null);
  expect(await enter()).toEqual({ outcome: "refused", reason: "user-limit", limit: 1 });
});

test("a quota that is not the user's own follows the groups; one set by hand doesn't", async () => {
  const { store } = await temporaryStore();
  const one = await group(store, "one", quota(5));
  const two = await group(store, "two", quota(9));
  const own = await store.users.add(newUser("own", { quotaBytes: 1 }));
  const { id } = await store.users.add(newUser("ann", { quotaBytes: DEFAULT, quotaOwn: false }));
  for (const userId of [own.id, id]) {
    await store.groups.join({ groupId: one, userId }, DEFAULT);
    await store.groups.join({ groupId: two, userId }, DEFAULT);
  }
  expect(await store.users.byId(id)).toMatchObject({ quotaBytes: 9, quotaGroups: ["two"] });
  await store.groups.set(one, quota(null));
  await store.groups.inherit(one, DEFAULT);
  expect(await quotaOf(store, id)).toBe(null);
  await store.groups.remove(one, DEFAULT);
  expect(await quotaOf(store, id)).toBe(9);
  await store.groups.leave({ groupId: two, userId: id }, DEFAULT);
  expect(await store.users.byId(id)).toMatchObject({ quotaBytes: DEFAULT, quotaOwn: false });
  expect(await quotaOf(store, own.id)).toBe(1);
  expect(await store.users.set(own.id, { quotaBytes: DEFAULT, quotaOwn: false })).toMatchObject({
    quotaBytes: 9,
    quotaOwn: false,
  });
  expect(await store.users.set(own.id, { quotaBytes: 3 })).toMatchObject({ quotaOwn: true });
});

test("a command that was killed between a group and its members is made good, and a new default taken", async () => {
  const { store } = await temporaryStore();
  const groupId = await group(store, "one", quota(5));
  const names = Array.from({ length: 45 }, (_, at) => `u${at}`);
  for (const name of names) {
    const groups = name === "u7" ? [] : ["one"];
    await store.users.add(newUser(name, { quotaBytes: DEFAULT, quotaOwn: false, groups }));
  }
  await store.groups.set(groupId, quota(6));
  expect(await store.groups.inheritAll(DEFAULT + 1)).toBe(45);
  expect(await store.groups.inheritAll(DEFAULT + 1)).toBe(0);
  const quotas = new Set((await store.users.list()).map(({ quotaBytes }) => quotaBytes));
  expect(quotas).toEqual(new Set([6, DEFAULT + 1]));
});

test("a member whose home is not given up keeps nobody else from the new quota", async () => {
  const { store } = await temporaryStore();
  const groupId = await group(store, "one", quota(5));
  const [ann, bob] = await store.users.addAll(
    ["ann", "bob"].map((name) => newUser(name, { quotaOwn: false, groups: ["one"] })),
  );
  const held = new Error("held");
  const { whileShared } = store.leases;
  store.leases.whileShared = async (id, act) => {
    if (id === ann?.id) throw held;
    return whileShared.call(store.leases, id, act) as never;
  };
  await store.groups.set(groupId, quota(6));
  await expect(store.groups.inherit(groupId, null)).rejects.toBe(held);
  expect(await quotaOf(store, bob?.id ?? 0)).toBe(6);
  await store.groups.set(groupId, quota(7));
  await expect(store.groups.inheritAll(null)).rejects.toBe(held);
  expect(await quotaOf(store, bob?.id ?? 0)).toBe(7);
  expect(await quotaOf(store, ann?.id ?? 0)).toBe(5);
});

test("removing a group removes what hangs on it, and leaves its members", async () => {
  const { root, store } = await temporaryStore();
  const groupId = await group(store, "one", { maxSessions: 1 });
  const { id } = await store.users.add(newUser("ann", { groups: ["one"] }));
  const database = await rawDatabase(root);
  const path = Buffer.from("/");
  database.exec("INSERT INTO homes (name, kind, created_at) VALUES ('@f', 'folder', 1)");
  database
    .prepare(
      `INSERT INTO shares (folder_id, group_id, at, access)
       SELECT id, ?, ?, 'read' FROM homes WHERE kind = 'folder'`,
    )
    .run(groupId, path);
  database
    .prepare("INSERT INTO access_rules (group_id, path, access) VALUES (?, ?, 'read')")
    .run(groupId, path);
  expect(await store.groups.hanging(groupId)).toEqual({ members: 1, shares: 1, rules: 1 });
  expect(await store.groups.remove(groupId, null)).toBe(true);
  expect(await store.groups.remove(groupId, null)).toBe(false);
  expect(await store.groups.hanging(groupId)).toEqual({ members: 0, shares: 0, rules: 0 });
  expect(await store.users.byId(id)).toMatchObject({ groups: [], maxSessions: null });
});

test("of users that are added together all are there, or none", async () => {
  const { store } = await temporaryStore();
  await group(store, "one", quota(5));
  const users = ["ann", "bob"].map((name) => newUser(name, { groups: ["one"], quotaOwn: false }));
  const wrong = store.users.addAll([...users, newUser("cid", { groups: ["two"] })]);
  await expect(wrong).rejects.toBeInstanceOf(NoGroupError);
  expect(await store.users.count()).toBe(0);
  expect((await store.users.addAll(users)).map(({ quotaBytes }) => quotaBytes)).toEqual([5, 5]);
  await expect(store.users.addAll([newUser("cid"), newUser("ann")])).rejects.toThrow("ann");
  expect(await store.users.count()).toBe(2);
});

test("folders are no users: they join no group", async () => {
  const { root, store } = await temporaryStore();
  const groupId = await group(store, "one");
  const database = await rawDatabase(root);
  database.exec("INSERT INTO homes (name, kind, created_at) VALUES ('@f', 'folder', 1)");
  const userId = database.prepare("SELECT id FROM homes").pluck().get() as number;
  expect(await store.groups.join({ groupId, userId }, null)).toBe(false);
});
