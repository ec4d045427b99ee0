import type { Connection, Statement } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** How long a look whether the database can be written waits for its lock, in milliseconds. */
const PROBE_MS = 1_000;

/** What all users, or all folders, store. Sizes in bytes. */
export interface HomeSums {
  readonly kind: "user" | "folder";
  readonly count: number;
  readonly usedBytes: number;
  readonly usedFiles: number;
  /** of those that have a quota */
  readonly quotaBytes: number;
  /** those that have used 80 % of their quota or more, but not all of it */
  readonly near: number;
  readonly over: number;
}

const SUMS = `SELECT kind, count(*) AS count, total(used_bytes) AS "usedBytes",
  total(used_files) AS "usedFiles", total(quota_bytes) AS "quotaBytes",
  count(*) FILTER (WHERE used_bytes >= quota_bytes) AS over,
  count(*) FILTER (WHERE used_bytes < quota_bytes AND used_bytes >= quota_bytes * 0.8) AS near
  FROM homes GROUP BY kind`;

/** What is summed up for metrics. */
export class FigureStore {
  readonly #writes: Writes;
  readonly #sums: Statement<[], HomeSums>;
  readonly #refused: Statement<[number], number>;
  readonly #banned: Statement<[number], number>;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#sums = connection.prepare(SUMS);
    this.#refused = connection
      .prepare<[number], number>("SELECT count(*) FROM penalties WHERE refused_until > ?")
      .pluck();
    this.#banned = connection
      .prepare<[number], number>("SELECT count(*) FROM bans WHERE until IS NULL OR until > ?")
      .pluck();
  }

  /** As the database knows them: ask for exact books first (`leases.exact`). */
  async homes(): Promise<HomeSums[]> {
    return this.#sums.all();
  }

  /** How many addresses are refused, and banned, at the time `now`. */
  async outcasts(now: number): Promise<{ readonly penalties: number; readonly bans: number }> {
    return { penalties: this.#refused.get(now) ?? 0, bans: this.#banned.get(now) ?? 0 };
  }

  /** Rejects with SQLite's error, or DatabaseBusy, when the database can't be written now. */
  async probe(): Promise<void> {
    await this.#writes.run(() => {}, { patienceMs: PROBE_MS });
  }
}
