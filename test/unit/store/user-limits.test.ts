import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  newUser,
  sqliteFile,
  sqliteTest,
  storeAt,
  temporaryRoot,
  temporaryStore,
} from "./instance.ts";

const MIGRATIONS = new URL("../../../db/migrations/", import.meta.url);
/** The first schema in which users have limits of their own. */
const WITH_LIMITS = 9;

const ALL = {
  expiresAt: 1_700_000_000_000,
  from: ["192.0.2.0/24", "2001:db8::/32"],
  auth: ["key"],
  maxSessions: 3,
} as const;
const NONE = {
  expiresAt: null,
  from: null,
  auth: null,
  maxSessions: null,
  uploadRate: null,
  downloadRate: null,
  trashKeep: null,
};

test("a user's limits are kept, and read wherever users are", async () => {
  const { root, store } = await temporaryStore();
  const ann = await store.users.add(newUser("ann", ALL));
  expect(ann).toMatchObject(ALL);
  const other = await storeAt(root);
  expect(await other.users.byName("ann")).toEqual(ann);
  expect(await other.users.byId(ann.id)).toEqual(ann);
  expect(await other.users.list()).toEqual([ann]);
  expect(await other.userPages.one("ann")).toMatchObject(ALL);
});

test("each is set without the others, and null takes it away", async () => {
  const { store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann", { quotaBytes: 5 }));
  expect(await store.users.set(id, { from: ALL.from })).toMatchObject({ ...NONE, from: ALL.from });
  const both = { ...NONE, from: ALL.from, maxSessions: 3 };
  expect(await store.users.set(id, { maxSessions: 3 })).toMatchObject({ ...both, quotaBytes: 5 });
  expect(await store.users.set(id, { from: null, role: "admin" })).toMatchObject({
    ...NONE,
    maxSessions: 3,
    role: "admin",
  });
  expect(await store.users.set(id, { ...ALL })).toMatchObject(ALL);
  expect(await store.users.set(id, { quotaBytes: 6 })).toMatchObject({ ...ALL, quotaBytes: 6 });
  expect(await store.users.set(id, { ...NONE })).toMatchObject(NONE);
});

/** The database of the version before, with something in each table of that version. */
function makeOld(root: string): void {
  for (const name of ["db", "homes/ann", "homes/bob"]) {
    mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
  }
  const database = sqliteFile(root);
  const files = readdirSync(MIGRATIONS).sort();
  const old = files.filter((name) => Number.parseInt(name, 10) < WITH_LIMITS);
  for (const name of old) database.exec(readFileSync(new URL(name, MIGRATIONS), "utf8"));
  database.pragma(`user_version = ${Number.parseInt(old.at(-1) ?? "", 10)}`);
  database.exec(`
    INSERT INTO users (name, role, enabled, password_hash, quota_bytes, used_bytes, created_at)
      VALUES ('ann', 'admin', 1, '$x', 5, 4, 3), ('bob', 'user', 0, NULL, NULL, 0, 2);
    INSERT INTO user_keys VALUES (1, 'SHA256:x', 'ssh-ed25519', x'01', 'me', 1);
    INSERT INTO penalties VALUES ('192.0.2.1', 1, '[]', 'failed logins', 0, 1, 2, 0);
    INSERT INTO audit (at, kind, user) VALUES (1, 'login', 'ann');
    INSERT INTO digests (inode, user_id, used_at) VALUES ('1:2:3', 1, 1);`);
  database.close();
}

sqliteTest(
  "an instance of the version before is brought up to date, and nothing is lost",
  async () => {
    const root = await temporaryRoot();
    makeOld(root);
    const tables = ["user_keys", "penalties", "audit", "digests"];
    const dump = (homes: string) => {
      const database = sqliteFile(root);
      const all = [homes, ...tables].map((table) =>
        database.prepare(`SELECT * FROM ${table}`).all(),
      );
      database.close();
      return all;
    };
    const before = dump("users");
    const store = await storeAt(root);
    expect(dump("homes")).toMatchObject(before);
    expect(dump("homes").map((rows) => rows.length)).toEqual(before.map((rows) => rows.length));
    const [ann, bob] = await store.users.list();
    expect(ann).toMatchObject({ ...NONE, name: "ann", role: "admin", quotaBytes: 5, usedBytes: 4 });
    expect(bob).toMatchObject({ ...NONE, name: "bob", enabled: false, passwordHash: null });
    // Nobody's quota becomes another by groups that there were none of.
    expect([ann, bob]).toMatchObject([{ quotaOwn: true }, { quotaOwn: true }]);
    expect(await store.users.set(ann?.id ?? 0, ALL)).toMatchObject(ALL);
  },
);
