import { renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { InstanceError } from "../errors.ts";
import { COPIED, markElsewhere } from "./belongings.ts";
import type { Connection } from "./connection.ts";
import { type Copied, copyDatabase } from "./copy.ts";
import type { SqliteDatabase } from "./database.ts";
import { Driver } from "./database-driver.ts";
import { settleSnapshot, takeSnapshot } from "./snapshot.ts";
import { syncPath } from "./synced.ts";

/** For another program that has the database's lock, in milliseconds. */
const PATIENCE_MS = 5_000;

export interface MoveOptions {
  /** the instance's directory */
  readonly root: string;
  /** the database that gets the instance; it has the tables */
  readonly target: Connection;
  readonly onRows?: (done: number, of: number) => void;
}

/**
 * Copies the database of an instance that nobody uses, and takes it out of the way, so that no server
 * goes on with books that are no longer true. What fails leaves all as it was.
 * @throws InstanceError when a process uses the instance, or the other database is not empty
 */
export function moveDatabase({ root, target, onRows }: MoveOptions): Copied {
  const file = join(root, "db", "moorage.sqlite");
  const away = join(root, COPIED);
  requireFree(away);
  const lock = new Driver(file, { fileMustExist: true, timeout: PATIENCE_MS });
  const aside = `${file}.copying`;
  try {
    // Nobody writes from here on. Who comes now waits for the lock, and finds the file gone.
    lock.exec("BEGIN IMMEDIATE");
    requireAlone(lock);
    rmSync(aside, { force: true });
    takeSnapshot(root, aside);
    const copied = copySettled(aside, target, onRows);
    markElsewhere(root);
    renameSync(file, away);
    syncPath(join(root, "db"));
    return copied;
  } finally {
    lock.close();
    for (const path of [aside, `${aside}-journal`]) rmSync(path, { force: true });
  }
}

function requireFree(away: string): void {
  if (statSync(away, { throwIfNoEntry: false }) === undefined) return;
  throw new InstanceError(`${COPIED} is there, from a copy before: move it away first`);
}

function requireAlone(database: SqliteDatabase): void {
  const pid = database.prepare("SELECT pid FROM nodes").pluck().get();
  if (pid === undefined) return;
  throw new InstanceError(
    `another process has begun to use this instance (pid ${pid}): let it end, then run this again`,
  );
}

function copySettled(aside: string, target: Connection, onRows: MoveOptions["onRows"]): Copied {
  settleSnapshot(aside, () => {
    throw new Error("nobody has files open");
  });
  const source = new Driver(aside, { readonly: true });
  try {
    return copyDatabase(source, target, onRows);
  } finally {
    source.close();
  }
}
