import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { InstanceError } from "../errors.ts";
import { Driver } from "./database-driver.ts";

export type SqliteDatabase = Database.Database;

/** While it is opened: nothing else waits for this process yet. */
const OPENING_TIMEOUT_MS = 5_000;
const MIGRATION_NAME = /^(\d{3})_[a-z0-9_]+\.sql$/;

/**
 * Opens (and makes or migrates) the database file. Several processes may have it open: WAL mode,
 * and every transaction that writes goes through `Writes`, since nothing here waits for a lock.
 * @param asItIs an older one is not brought up to date: processes of its version are at work
 * @throws InstanceError when a newer version of the program has made it, or an older one that is to
 * stay as it is
 */
export function openDatabase(file: string, migrations: string, asItIs = false): SqliteDatabase {
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
  const connection = new Driver(file, { timeout: OPENING_TIMEOUT_MS });
  try {
    prepare(connection, migrations, asItIs);
    return connection;
  } catch (thrown) {
    connection.close();
    throw thrown;
  }
}

function prepare(connection: SqliteDatabase, migrations: string, asItIs: boolean): void {
  const known = migrationsIn(migrations);
  const newest = newestSchema(migrations);
  requireKnown(connection, newest);
  if (asItIs && versionOf(connection) < newest) throw new InstanceError(OLDER);
  chmodSync(connection.name, 0o600);
  connection.pragma("journal_mode = WAL");
  // NORMAL keeps every commit through a crash of the process; only a power cut can lose the last ones.
  connection.pragma("synchronous = NORMAL");
  connection.pragma("foreign_keys = ON");
  connection.pragma("secure_delete = ON");
  migrate(connection, known);
  // SQLite's own way to wait for a lock stops the event loop.
  connection.pragma("busy_timeout = 0");
}

export const OLDER =
  "this version of moorage changes the database: stop all servers of the instance, then start them again";

export interface Migration {
  readonly number: number;
  readonly file: string;
}

/** In order. */
export function migrationsIn(directory: string): Migration[] {
  return readdirSync(directory)
    .sort()
    .flatMap((name) => {
      const number = Number(MIGRATION_NAME.exec(name)?.[1] ?? 0);
      return number === 0 ? [] : [{ number, file: join(directory, name) }];
    });
}

/** The schema that this program makes: the number of the last migration. */
export function newestSchema(migrations: string): number {
  return migrationsIn(migrations).at(-1)?.number ?? 0;
}

function versionOf(connection: SqliteDatabase): number {
  return connection.pragma("user_version", { simple: true }) as number;
}

function requireKnown(connection: SqliteDatabase, newest: number): void {
  const version = versionOf(connection);
  if (version <= newest) return;
  throw new InstanceError(
    `db/moorage.sqlite was made by a newer version of moorage (schema ${version}, this one knows ${newest}): use that version, or restore a backup from before the upgrade`,
  );
}

function migrate(connection: SqliteDatabase, known: readonly Migration[]): void {
  // Asked first without the lock, which another program may hold for long.
  if (versionOf(connection) >= (known.at(-1)?.number ?? 0)) return;
  connection
    .transaction(() => {
      const done = versionOf(connection);
      for (const { number, file } of known) {
        if (number <= done) continue;
        connection.exec(readFileSync(file, "utf8"));
        connection.pragma(`user_version = ${number}`);
      }
    })
    .immediate();
}
