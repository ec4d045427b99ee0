import { expect, test } from "vitest";
import { UserExistsError } from "../../../src/store/users.ts";
import { ENGINE } from "../../support/store-engine.ts";
import { addDeadNode, newUser, rawDatabase, temporaryStore } from "./instance.ts";

const UNKNOWN = 4711;

test("adds an account and finds it by name and id", async () => {
  const { store } = await temporaryStore();
  const before = Date.now();
  const account = await store.users.add(
    newUser("ann", { role: "admin", passwordHash: "$x", quotaBytes: 5, quotaFiles: 7 }),
  );
  expect(account).toEqual({
    id: account.id,
    name: "ann",
    role: "admin",
    enabled: true,
    passwordHash: "$x",
    quotaBytes: 5,
    quotaFiles: 7,
    usedBytes: 0,
    usedFiles: 0,
    createdAt: account.createdAt,
    lastLoginAt: null,
    expiresAt: null,
    from: null,
    auth: null,
    maxSessions: null,
    own: {
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
  });
  expect(account.createdAt).toBeGreaterThanOrEqual(before);
  expect(await store.users.byName("ann")).toEqual(account);
  expect(await store.users.byId(account.id)).toEqual(account);
  expect(await store.users.byName("bob")).toBeUndefined();
  expect(await store.users.byId(UNKNOWN)).toBeUndefined();
});

test("refuses a name that is taken, with a typed error", async () => {
  const { store } = await temporaryStore();
  await store.users.add(newUser("ann", { quotaBytes: 1 }));
  const again = store.users.add(newUser("ann", { quotaBytes: 2 }));
  await expect(again).rejects.toBeInstanceOf(UserExistsError);
  await expect(again).rejects.toMatchObject({ userName: "ann" });
  expect((await store.users.byName("ann"))?.quotaBytes).toBe(1);
  expect(await store.users.count()).toBe(1);
});

test("lists by name and counts", async () => {
  const { store } = await temporaryStore();
  expect(await store.users.count()).toBe(0);
  for (const name of ["cid", "ann", "bob"]) await store.users.add(newUser(name));
  expect((await store.users.list()).map((user) => user.name)).toEqual(["ann", "bob", "cid"]);
  expect(await store.users.count()).toBe(3);
});

test("sets only what is given", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann", { quotaBytes: 1, quotaFiles: 2 }));
  expect(await store.users.set(id, { quotaBytes: null })).toMatchObject({
    quotaBytes: null,
    quotaFiles: 2,
    role: "user",
  });
  expect(await store.users.set(id, { role: "admin", quotaFiles: 0 })).toMatchObject({
    quotaBytes: null,
    quotaFiles: 0,
    role: "admin",
  });
  expect(await store.users.set(UNKNOWN, { quotaBytes: 1 })).toBeUndefined();
});

test("keeps the largest quota exactly", async () => {
  const { root, store } = await temporaryStore();
  const largest = Number.MAX_SAFE_INTEGER;
  const { id } = await store.users.add(newUser("ann", { quotaBytes: largest }));
  expect((await store.users.byId(id))?.quotaBytes).toBe(largest);
  await store.users.set(id, { quotaBytes: largest - 1, quotaFiles: largest });
  expect(await store.users.byId(id)).toMatchObject({
    quotaBytes: largest - 1,
    quotaFiles: largest,
  });
  // SQLite would take a fraction as well.
  const whole = { sqlite: "typeof(quota_bytes) = 'integer'", postgres: "true" }[ENGINE];
  const isWhole = (await rawDatabase(root)).prepare(`SELECT ${whole} FROM homes`).pluck();
  expect(isWhole.get()).toBe(1);
});

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
  "refuses a quota of %d",
  async (quota) => {
    const { store } = await temporaryStore();
    const { id } = await store.users.add(newUser("ann", { quotaBytes: 3 }));
    await expect(store.users.set(id, { quotaBytes: quota })).rejects.toThrow(RangeError);
    await expect(store.users.set(id, { quotaFiles: quota })).rejects.toThrow(RangeError);
    await expect(store.users.add(newUser("bob", { quotaBytes: quota }))).rejects.toThrow(
      RangeError,
    );
    expect(await store.users.byId(id)).toMatchObject({ quotaBytes: 3, quotaFiles: null });
  },
);

test("sets and clears a password", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  expect(await store.users.setPassword(id, "$one")).toBe(true);
  expect((await store.users.byId(id))?.passwordHash).toBe("$one");
  expect(await store.users.setPassword(id, null)).toBe(true);
  expect((await store.users.byId(id))?.passwordHash).toBeNull();
  expect(await store.users.setPassword(UNKNOWN, "$one")).toBe(false);
});

test("replaces a hash only while it is still the one that was read", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann", { passwordHash: "$old" }));
  expect(await store.users.replaceHash(id, "$other", "$new")).toBe(false);
  expect((await store.users.byId(id))?.passwordHash).toBe("$old");
  expect(await store.users.replaceHash(id, "$old", "$new")).toBe(true);
  expect((await store.users.byId(id))?.passwordHash).toBe("$new");
});

test("disables and enables", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  expect(await store.users.setEnabled(id, false)).toBe(true);
  expect((await store.users.byId(id))?.enabled).toBe(false);
  expect(await store.users.setEnabled(id, true)).toBe(true);
  expect((await store.users.byId(id))?.enabled).toBe(true);
  expect(await store.users.setEnabled(UNKNOWN, false)).toBe(false);
});

test("notes a login's time", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  await store.users.loggedIn(id, 1_700_000_000_123);
  expect((await store.users.byId(id))?.lastLoginAt).toBe(1_700_000_000_123);
});

test("removing an account takes its keys, sessions and journal along, and nobody else's", async () => {
  const { root, store } = await temporaryStore();
  const ann = await store.users.add(newUser("ann"));
  const bob = await store.users.add(newUser("bob"));
  const database = await rawDatabase(root);
  const node = addDeadNode(database);
  for (const { id } of [ann, bob]) {
    database
      .prepare("INSERT INTO user_keys VALUES (?, 'SHA256:x', 't', ?, '', 1, NULL)")
      .run(id, Buffer.from([0]));
    database
      .prepare(
        "INSERT INTO open_files (node_id, user_id, inode, number, path, charged) VALUES (?,?,?,1,?,?)",
      )
      .run(node, id, "1:1", Buffer.from("f"), 10);
    database
      .prepare(
        "INSERT INTO sessions (node_id,user_id,state,remote,client,since) VALUES (?,?,'active','','',1)",
      )
      .run(node, id);
  }
  expect(await store.users.remove(ann.id)).toBe(true);
  for (const table of ["user_keys", "open_files", "sessions"]) {
    expect(database.prepare(`SELECT user_id FROM ${table}`).pluck().all()).toEqual([bob.id]);
  }
  expect(await store.users.remove(ann.id)).toBe(false);
});

test("a removed account's id is not given again", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  await store.users.remove(id);
  expect((await store.users.add(newUser("ann"))).id).toBeGreaterThan(id);
});

test("names are those of some lengths, in their order, without what is not a user's", async () => {
  const { store } = await temporaryStore();
  for (const name of ["carol", "al", "bob", "ann"]) await store.users.add(newUser(name));
  await store.folders.add({ name: "@bib", quotaBytes: null, quotaFiles: null });
  expect(await store.users.names({ least: 3, most: 4 })).toEqual(["ann", "bob"]);
  expect(await store.users.names({ least: 0, most: 99 })).toEqual(["al", "ann", "bob", "carol"]);
});
