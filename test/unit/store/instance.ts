import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { onTestFinished } from "vitest";
import { Driver } from "../../../src/store/database-driver.ts";
import { openStore, type Store } from "../../../src/store/store.ts";
import type { NewUser } from "../../../src/store/users.ts";

/** An empty instance directory, removed after the test. */
export async function temporaryRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "moorage-store-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  return root;
}

/** A store of this process on `root`, closed after the test. */
export async function storeAt(root: string): Promise<Store> {
  const store = await openStore(root, "server", "0.0.0-test");
  onTestFinished(() => store.close());
  return store;
}

export async function temporaryStore(): Promise<{ root: string; store: Store }> {
  const root = await temporaryRoot();
  return { root, store: await storeAt(root) };
}

/** The database itself, for what only another program could do to it. */
export function rawDatabase(root: string): Database.Database {
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
export function addDeadNode(database: Database.Database, id = "dead"): string {
  database
    .prepare(
      "INSERT INTO nodes VALUES (?, 'server', ?, ?, 'another-boot', '', 'x', 1, 0, 0, '', '', '', 0, 0, 0)",
    )
    .run(id, process.pid, ownStartTime());
  return id;
}
