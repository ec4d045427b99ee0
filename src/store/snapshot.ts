import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { BookedFile, FileState } from "../vfs/books.ts";
import type { SqliteDatabase } from "./database.ts";
import { Driver } from "./database-driver.ts";
import { syncPath } from "./synced.ts";

/** A copy of an instance's database. */
export interface Snapshot {
  /** the number of its last migration */
  readonly schema: number;
  /** the instance's id */
  readonly instance: string;
}

/** What is stored in a home. */
export interface Stored {
  readonly bytes: number;
  readonly files: number;
}

/** For other programs that have the database's lock, in milliseconds. */
const PATIENCE_MS = 5_000;

/** What is of processes, of what they are told, and of files by their inodes. In this order. */
const OF_PROCESSES = ["open_files", "node_homes", "calls", "sessions", "changes", "digests"];

/**
 * Copies the database as it is at one moment. Reads only: nobody who writes waits for it.
 * @param target a file that is made, 0600
 * @throws the database's errors, and the system's when the target is there already
 */
export function takeSnapshot(root: string, target: string): void {
  // SQLite would make it with the rights that others have by the process's mask.
  closeSync(openSync(target, "wx", 0o600));
  const connection = new Driver(join(root, "db", "moorage.sqlite"), {
    readonly: true,
    timeout: PATIENCE_MS,
  });
  try {
    connection.prepare("VACUUM INTO ?").run(target);
  } finally {
    connection.close();
  }
}

/**
 * Makes a copy one of no process: nobody has files open in it or holds a home, and each home is
 * charged for the true sizes of what was open.
 * @param outcome what became of a file that was open; what it throws leaves its charge as it is
 */
export function settleSnapshot(file: string, outcome: (file: BookedFile) => FileState): Snapshot {
  return changing(file, (connection) => {
    for (const open of openFiles(connection)) settle(connection, open, outcome);
    strip(connection);
    return described(connection);
  });
}

/**
 * Books in a copy what is stored in its homes; those that are not named are empty.
 * @returns false when it is not the database that it should be
 */
export function bookStored(
  file: string,
  { schema, instance }: Snapshot,
  stored: ReadonlyMap<string, Stored> | undefined,
): boolean {
  return changing(file, (connection) => {
    if (connection.pragma("integrity_check(1)", { simple: true }) !== "ok") return false;
    const found = described(connection);
    if (found.schema !== schema || found.instance !== instance) return false;
    strip(connection);
    if (stored === undefined) return true;
    connection.prepare("UPDATE homes SET used_bytes = 0, used_files = 0").run();
    const book = connection.prepare(
      "UPDATE homes SET used_bytes = @bytes, used_files = @files WHERE name = @name",
    );
    for (const [name, { bytes, files }] of stored) book.run({ name, bytes, files });
    return true;
  });
}

function changing<T>(file: string, act: (connection: SqliteDatabase) => T): T {
  const connection = new Driver(file, { fileMustExist: true });
  let result: T;
  try {
    // It may come from an archive: what it says of itself must run nothing.
    connection.pragma("trusted_schema = OFF");
    connection.pragma("journal_mode = DELETE");
    connection.pragma("secure_delete = ON");
    result = connection.transaction(() => act(connection)).immediate();
  } finally {
    connection.close();
  }
  syncPath(file);
  return result;
}

interface OpenFile extends BookedFile {
  readonly userId: number;
  /** bytes: the most that any of the processes that have it open is charged */
  readonly charged: number;
}

function openFiles(connection: SqliteDatabase): OpenFile[] {
  const rows = connection
    .prepare(
      `SELECT o.user_id AS userId, o.inode, MAX(o.charged) AS charged, o.path, h.name AS userName,
         MAX(o.unlinked) AS unlinked
       FROM open_files AS o JOIN homes AS h ON h.id = o.user_id GROUP BY o.user_id, o.inode`,
    )
    .all() as (Omit<OpenFile, "unlinked"> & { unlinked: number })[];
  return rows.map((row) => ({ ...row, unlinked: row.unlinked === 1 }));
}

function settle(
  connection: SqliteDatabase,
  open: OpenFile,
  outcome: (file: BookedFile) => FileState,
): void {
  const { userId, charged } = open;
  let size: number;
  try {
    const found = outcome(open);
    size = found.linked ? found.size : 0;
  } catch {
    return;
  }
  connection
    .prepare("UPDATE homes SET used_bytes = MAX(0, used_bytes + ?) WHERE id = ?")
    .run(size - charged, userId);
}

function strip(connection: SqliteDatabase): void {
  // A backup of an older version has not all of them yet.
  const there = connection
    .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table'")
    .pluck()
    .all();
  for (const table of OF_PROCESSES) {
    if (there.includes(table)) connection.exec(`DELETE FROM ${table}`);
  }
  connection.exec("UPDATE homes SET holder = NULL, folded = 0, wanted_at = 0");
  connection.exec("DELETE FROM nodes");
}

function described(connection: SqliteDatabase): Snapshot {
  return {
    schema: connection.pragma("user_version", { simple: true }) as number,
    instance: connection.prepare("SELECT id FROM instance").pluck().get() as string,
  };
}
