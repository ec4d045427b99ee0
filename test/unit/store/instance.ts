import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type Database from "better-sqlite3";
import { onTestFinished, test } from "vitest";
import type { Connection } from "../../../src/store/connection.ts";
import { Driver } from "../../../src/store/database-driver.ts";
import { openPostgres } from "../../../src/store/postgres/open.ts";
import type { Store } from "../../../src/store/store.ts";
import type { NewUser } from "../../../src/store/users.ts";
import { databaseOf, dropDatabase, ENGINE, openTestStore } from "../../support/store-engine.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../db/migrations", import.meta.url));

/** Of what is SQLite's own: its plans, types, files. */
export const sqliteTest = test.runIf(ENGINE === "sqlite");

/** An empty instance directory, removed after the test. */
export async function temporaryRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "moorage-store-"));
  onTestFinished(async () => {
    await dropDatabase(root);
    await rm(root, { recursive: true, force: true });
  });
  return root;
}

/** A store of this process on `root`, closed after the test. */
export async function storeAt(root: string): Promise<Store> {
  const store = await openTestStore(root, "server", "0.0.0-test");
  onTestFinished(() => store.close());
  return store;
}

export async function temporaryStore(): Promise<{ root: string; store: Store }> {
  const root = await temporaryRoot();
  return { root, store: await storeAt(root) };
}

/** The database itself, for what only another program could do to it. */
export interface RawDatabase extends Pick<Connection, "prepare"> {
  /** Runs SQL of several statements. */
  exec(sql: string): void;
  close(): void;
}

/** On the engine of this run. */
export async function rawDatabase(root: string): Promise<RawDatabase> {
  const database = await databaseOf(root);
  if (database === undefined) {
    const sqlite = sqliteFile(root);
    const prepare = sqlite.prepare.bind(sqlite) as Connection["prepare"];
    return { prepare, exec: (sql) => void sqlite.exec(sql), close: () => void sqlite.close() };
  }
  const places = { directory: join(root, "db"), migrations: MIGRATIONS };
  const connection = await openPostgres(database.url, places);
  onTestFinished(() => connection.close());
  return {
    prepare: connection.prepare,
    exec: (sql) => connection.script(sql),
    close: () => connection.close(),
  };
}

/** For tests that are about SQLite. */
export function sqliteFile(root: string): Database.Database {
  const database = new Driver(join(root, "db", "moorage.sqlite"), { timeout: 5_000 });
  onTestFinished(() => {
    database.close();
  });
  return database;
}

export function newUser(name: string, change: Partial<NewUser> = {}): NewUser {
  return {
    name,
    role: "user",
    passwordHash: null,
    quotaBytes: null,
    quotaFiles: null,
    ...change,
  };
}

/** When this process was started, as the kernel counts it (proc(5), field 22 of stat). */
function ownStartTime(): string {
  const text = readFileSync("/proc/self/stat", "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** A node of a machine that was rebooted since, all else like this process: dead. */
export function addDeadNode(database: RawDatabase, id = "dead"): string {
  database
    .prepare(
      "INSERT INTO nodes VALUES (?, 'server', ?, ?, 'another-boot', '', 'x', 1, 0, 0, '', '', '', 0, 0, 0)",
    )
    .run(id, process.pid, ownStartTime());
  return id;
}
