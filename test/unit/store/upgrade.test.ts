import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { expect, test } from "vitest";
import { sqliteFile, storeAt, temporaryRoot } from "./instance.ts";

const MIGRATIONS = new URL("../../../db/migrations/", import.meta.url);

/** The first schema with folders: what a user has is called a home from then on. */
const WITH_FOLDERS = 10;

/** What a server of the version before leaves, with a row in each table. */
const LEFT = `
  INSERT INTO nodes (id, kind, pid, start_time, boot_id, version, started_at, intent, answered)
    VALUES ('dead', 'server', 1, '1', 'boot', '0.1.0', 5, 7, 3);
  INSERT INTO users (name, role, enabled, password_hash, quota_bytes, quota_files, used_bytes,
      used_files, created_at, last_login_at, folded, wanted_at, changes, expires_at, login_from,
      login_methods, max_sessions, holder)
    VALUES ('ann', 'admin', 1, '$x', 50, 5, 4, 1, 3, 4, 6, 7, 8, 9, '["192.0.2.1"]', '["key"]', 2, 'dead'),
      ('bob', 'user', 0, NULL, NULL, NULL, 0, 0, 2, NULL, 0, 0, 0, NULL, NULL, NULL, NULL, NULL);
  INSERT INTO user_keys VALUES (1, 'SHA256:x', 'ssh-ed25519', x'01', 'me', 1);
  INSERT INTO open_files (user_id, inode, node_id, number, path, charged)
    VALUES (1, '1:2:3', 'dead', 1, x'2f66', 4);
  INSERT INTO sessions (node_id, user_id, state, remote, client, since)
    VALUES ('dead', 1, 'active', '192.0.2.1:1', 'SSH-2.0-x', 1);
  INSERT INTO changes (kind, user_id, at) VALUES ('user-set', 1, 1);
  INSERT INTO penalties VALUES ('192.0.2.1', 1, '[]', 'failed logins', 0, 1, 2, 0);
  INSERT INTO bans (network, reason, since, until, actor) VALUES ('192.0.2.0/24', 'r', 1, NULL, 'me');
  INSERT INTO audit (at, kind, user) VALUES (1, 'login', 'ann');
  INSERT INTO audit_counts VALUES ('login', 1);
  INSERT INTO digests (inode, user_id, used_at) VALUES ('1:2:3', 1, 1);`;

function migrate(database: Database.Database, before: number): void {
  const old = readdirSync(MIGRATIONS)
    .sort()
    .filter((name) => Number.parseInt(name, 10) < before);
  for (const name of old) database.exec(readFileSync(new URL(name, MIGRATIONS), "utf8"));
  database.pragma(`user_version = ${before - 1}`);
}

/** All tables with all rows. */
function dump(root: string): Map<string, unknown[]> {
  const database = sqliteFile(root);
  const tables = database
    .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .pluck()
    .all();
  const all = new Map(
    tables.map((name) => [name, database.prepare(`SELECT * FROM ${name}`).all()]),
  );
  database.close();
  return all;
}

test("folders, groups and what came with them: nothing of the version before is lost", async () => {
  const root = await temporaryRoot();
  for (const name of ["db", "homes/ann", "homes/bob"]) {
    mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
  }
  const database = sqliteFile(root);
  migrate(database, WITH_FOLDERS);
  database.exec(LEFT);
  database.close();
  const before = dump(root);
  const empty = [...before].filter(([, rows]) => rows.length === 0).map(([name]) => name);
  expect(empty).toEqual([]);
  const store = await storeAt(root);
  const after = dump(root);
  for (const [name, rows] of before) {
    const now = after.get(name === "users" ? "homes" : name) ?? [];
    if (name === "nodes" || name === "instance" || name === "sqlite_sequence") continue;
    expect([name, now]).toMatchObject([name, rows]);
    expect([name, now.length]).toEqual([name, rows.length]);
  }
  expect(after.get("homes")).toMatchObject([{ kind: "user" }, { kind: "user" }]);
  const [ann, bob] = await store.users.list();
  expect(ann).toMatchObject({ name: "ann", quotaBytes: 50, quotaOwn: true, groups: [] });
  expect(bob).toMatchObject({ name: "bob", enabled: false, quotaBytes: null, quotaOwn: true });
  expect(await store.folders.list()).toEqual([]);
  // What refers to a user refers to the renamed table, and goes with its row.
  const raw = sqliteFile(root);
  raw.pragma("foreign_keys = ON");
  raw.exec("DELETE FROM homes WHERE name = 'ann'");
  const left = dump(root);
  expect(["user_keys", "open_files", "sessions", "digests"].map((name) => left.get(name))).toEqual([
    [],
    [],
    [],
    [],
  ]);
});
