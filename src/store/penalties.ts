import type { Connection, Statement } from "./connection.ts";
import type { WriteOptions, Writes } from "./writes.ts";

/** What is known of an address or network that failed to log in. Times in ms since the epoch. */
export interface SourceRecord {
  /** failed logins since it is known */
  readonly failures: number;
  /** the last names tried, newest first; escaped for display */
  readonly users: readonly string[];
  /** of the last offence */
  readonly reason: string;
  /** when it began to be refused; 0: never was */
  readonly since: number;
  readonly lastAt: number;
  readonly debtUntil: number;
  /** 0: never was refused */
  readonly refusedUntil: number;
}

export interface KnownSource extends SourceRecord {
  readonly source: string;
}

interface Row extends Omit<KnownSource, "users"> {
  readonly users: string;
}

const COLUMNS = `source, failures, users, reason, since, last_at AS "lastAt",
  debt_until AS "debtUntil", refused_until AS "refusedUntil"`;

function toSource(row: Row): KnownSource {
  return { ...row, users: JSON.parse(row.users) as string[] };
}

/** Which addresses failed to log in, and until when they are refused. */
export class PenaltyStore {
  readonly #writes: Writes;
  readonly #refused: Statement<[string], number>;
  readonly #find: Statement<[string], Row>;
  readonly #put: Statement;
  readonly #remove: Statement;
  readonly #newest: Statement<[number], Row>;
  readonly #refusedNow: Statement<[number, number], Row>;
  readonly #expired: Statement;
  readonly #surplus: Statement;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#refused = connection
      .prepare<[string], number>("SELECT refused_until FROM penalties WHERE source = ?")
      .pluck();
    this.#find = connection.prepare(`SELECT ${COLUMNS} FROM penalties WHERE source = ?`);
    this.#put = connection.prepare(
      `INSERT INTO penalties VALUES
       (@source, @failures, @users, @reason, @since, @lastAt, @debtUntil, @refusedUntil)
       ON CONFLICT (source) DO UPDATE SET failures = excluded.failures, users = excluded.users,
         reason = excluded.reason, since = excluded.since, last_at = excluded.last_at,
         debt_until = excluded.debt_until, refused_until = excluded.refused_until`,
    );
    this.#remove = connection.prepare("DELETE FROM penalties WHERE source = ?");
    this.#newest = connection.prepare(
      `SELECT ${COLUMNS} FROM penalties WHERE failures > 0 ORDER BY last_at DESC LIMIT ?`,
    );
    this.#refusedNow = connection.prepare(
      `SELECT ${COLUMNS} FROM penalties WHERE refused_until > ?
       ORDER BY refused_until DESC LIMIT ?`,
    );
    this.#expired = connection.prepare(
      "DELETE FROM penalties WHERE debt_until <= @now AND last_at < @before",
    );
    // The address with least to wait is forgotten first: many new addresses can't push out a refused one.
    this.#surplus = connection.prepare(
      `DELETE FROM penalties WHERE source IN (
         SELECT source FROM penalties ORDER BY debt_until, last_at
         LIMIT max(0, (SELECT count(*) FROM penalties) - ?))`,
    );
  }

  /** Until when the source is refused, 0 when it never was. Costs a few microseconds. */
  async refusedUntil(source: string): Promise<number> {
    return this.#refused.get(source) ?? 0;
  }

  /**
   * Replaces what is known of a source by what `change` makes of it.
   * @returns what was known before, and what is now
   */
  async update(
    source: string,
    change: (before: SourceRecord | undefined) => SourceRecord,
  ): Promise<{ before: SourceRecord | undefined; after: SourceRecord }> {
    return this.#alone(() => {
      const row = this.#find.get(source);
      const before = row === undefined ? undefined : toSource(row);
      const after = change(before);
      this.#put.run({ ...after, source, users: JSON.stringify(after.users) });
      return { before, after };
    });
  }

  /** Forgets a source; false when nothing was known of it. */
  async remove(source: string): Promise<boolean> {
    return this.#alone(() => this.#remove.run(source).changes > 0);
  }

  /** Those refused at the time `now`, the longest first. */
  async refused(now: number, limit: number): Promise<KnownSource[]> {
    return this.#refusedNow.all(now, limit).map(toSource);
  }

  /** Those with failed logins, the newest first. */
  async failed(limit: number): Promise<KnownSource[]> {
    return this.#newest.all(limit).map(toSource);
  }

  /** Removes sources that owe nothing and were not seen since `before`, then all but `maxSources`. */
  async prune(now: number, before: number, maxSources: number): Promise<void> {
    await this.#alone(() => {
      this.#expired.run({ now, before });
      this.#surplus.run(maxSources);
    });
  }

  #alone<T>(act: () => T, options: WriteOptions<T> = {}): Promise<T> {
    return this.#writes.run(act, { ...options, lock: "penalties" });
  }
}
