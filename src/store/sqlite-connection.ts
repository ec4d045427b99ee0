import { dirname } from "node:path";
import type Database from "better-sqlite3";
import type { Connection } from "./connection.ts";

/** SQLite's file, by better-sqlite3. Its own statements are what {@link prepare} gives. */
export class SqliteConnection implements Connection {
  readonly engine = "sqlite";
  readonly directory: string;
  readonly prepare: Connection["prepare"];
  readonly #database: Database.Database;
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #rollback: Database.Statement;
  readonly #version: Database.Statement<[], number>;

  constructor(database: Database.Database) {
    this.#database = database;
    this.directory = dirname(database.name);
    database.function("clock_ms", { deterministic: false }, () => Date.now());
    this.prepare = database.prepare.bind(database) as Connection["prepare"];
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
    this.#version = database.prepare<[], number>("PRAGMA data_version").pluck();
  }

  get isOpen(): boolean {
    return this.#database.open;
  }

  begin(): boolean {
    try {
      this.#begin.run();
      return true;
    } catch (thrown) {
      if (isBusy(thrown)) return false;
      throw thrown;
    }
  }

  commit(): void {
    this.#commit.run();
  }

  rollback(): void {
    if (this.#database.inTransaction) this.#rollback.run();
  }

  reading<T>(read: () => T): T {
    return this.#database.transaction(read)();
  }

  version(): number {
    return this.#version.get() ?? 0;
  }

  /** A function of one text that SQL may call. */
  define(name: string, body: (text: string) => number): void {
    this.#database.function(name, (value: unknown) => body(String(value)));
  }

  close(): void {
    this.#database.close();
  }
}

function isBusy(thrown: unknown): boolean {
  const { code } = thrown as { code?: unknown };
  return typeof code === "string" && code.startsWith("SQLITE_BUSY");
}
