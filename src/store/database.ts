import { chmodSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { Driver } from "./database-driver.ts";

export type Connection = Database.Database;

const BUSY_TIMEOUT_MS = 5_000;
const MIGRATION_NAME = /^(\d{3})_[a-z0-9_]+\.sql$/;

/**
 * Opens (and makes or migrates, unless read-only) the database file. Several processes may have it
 * open: WAL mode, and every transaction that reads before it writes must be `immediate`.
 */
export function openDatabase(file: string, migrations: string): Connection {
  mkdirSync(join(file, ".."), { recursive: true, mode: 0o700 });
  const connection = new Driver(file, { timeout: BUSY_TIMEOUT_MS });
  chmodSync(file, 0o600);
  connection.pragma("journal_mode = WAL");
  // NORMAL keeps every commit through a crash of the process; only a power cut can lose the last ones.
  connection.pragma("synchronous = NORMAL");
  connection.pragma("foreign_keys = ON");
  connection.pragma("secure_delete = ON");
  migrate(connection, migrations);
  return connection;
}

function migrate(connection: Connection, directory: string): void {
  connection
    .transaction(() => {
      const done = connection.pragma("user_version", { simple: true }) as number;
      for (const name of readdirSync(directory).sort()) {
        const number = Number(MIGRATION_NAME.exec(name)?.[1] ?? 0);
        if (number <= done) continue;
        connection.exec(readFileSync(join(directory, name), "utf8"));
        connection.pragma(`user_version = ${number}`);
      }
    })
    .immediate();
}
