/**
 * What the parts of the store ask of a database, whichever it is. Statements are synchronous: a
 * transaction runs from its beginning to its end within one call, with the system calls that it books.
 */
export interface Connection {
  readonly engine: "sqlite" | "postgres";
  /** the instance's directory of the store: journals, intents and sockets are in it */
  readonly directory: string;
  /** false after {@link close} */
  readonly isOpen: boolean;
  /**
   * SQL that both engines take: names with capitals stand in double quotes, so does "user". Values
   * are `?` in their order, or `@name` or `$name` of one object. Flags are 1 and 0. `clock_ms()` is the
   * database's clock, in milliseconds since the epoch.
   */
  prepare<Values extends unknown[] | object = unknown[], Row = unknown>(
    sql: string,
  ): Values extends unknown[] ? Statement<Values, Row> : Statement<[Values], Row>;
  /** Begins a transaction that writes. False when another process has the lock: nothing began. */
  begin(lock: Lock): boolean;
  /** @throws CommitInDoubt when the database is lost meanwhile */
  commit(): void;
  /** Ends a transaction that failed; without one it does nothing. */
  rollback(): void;
  /** All that `read` reads is of one moment. */
  reading<T>(read: () => T): T;
  /**
   * Another number when another process has told of a change, by a row of `changes`, since it was
   * asked the last time; it may move for other reasons. Cheap.
   */
  version(): number;
  close(): void;
}

/** `Row` is a row, or after {@link pluck} the value of its first column. */
export interface Statement<Values extends unknown[] = unknown[], Row = unknown> {
  get(...values: Values): Row | undefined;
  all(...values: Values): Row[];
  /** `changes`: rows that were inserted, changed or removed */
  run(...values: Values): { readonly changes: number };
  /** Gives the values of the first column instead of rows. */
  pluck(): this;
}

/**
 * What a transaction keeps others from. SQLite has one lock for all of them; elsewhere those of
 * different locks run at the same time. A transaction has one lock:
 *
 * - a number is a home's, a user's or a folder's: its book (`homes.used_*`, `open_files`, who holds it,
 *   intents for it), its quota, limits, password, keys, second factor and memberships, its removal,
 *   and claims of digests, which ask who has a file of it open
 * - "sessions": who is let in, and who may be (`homes.enabled`)
 * - "audit": records, their counts, what is held back, how far outputs are
 * - "changes": what processes tell each other; their numbers are in the order of the commits
 * - "nodes": processes come and go
 * - "digests", "events", "penalties": the tables of these names, but for claims
 * - "instance": all else: new users and folders, groups, shares, rules, bans, authorities
 *
 * What a transaction decides by under another lock than the one above may change until it commits: it
 * is decided by one statement that says what it expects of a row, or a row is locked first (groups.ts).
 */
export type Lock =
  | number
  | "instance"
  | "sessions"
  | "audit"
  | "changes"
  | "nodes"
  | "digests"
  | "events"
  | "penalties";
