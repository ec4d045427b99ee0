import type { Connection, Statement } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** An address or network that an administrator has banned. Times in ms since the epoch. */
export interface Ban {
  /** canonical: "192.0.2.1", "2001:db8::/64" */
  readonly network: string;
  /** empty: none was given */
  readonly reason: string;
  /** who set it: "cli:root", "alice@203.0.113.5" */
  readonly actor: string;
  readonly since: number;
  /** null: until it is lifted */
  readonly until: number | null;
}

const IN_FORCE = "(until IS NULL OR until > ?)";

/** The bans that administrators have set. */
export class BanStore {
  readonly #writes: Writes;
  readonly #changes: Statement<[], number>;
  readonly #changed: Statement;
  readonly #all: Statement<[number], Ban>;
  readonly #others: Statement<[string, number], number>;
  readonly #put: Statement;
  readonly #remove: Statement<[string], Ban>;
  readonly #expired: Statement<[number]>;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#changes = connection.prepare<[], number>("SELECT count FROM ban_changes").pluck();
    this.#changed = connection.prepare("UPDATE ban_changes SET count = count + 1");
    this.#all = connection.prepare(`SELECT * FROM bans WHERE ${IN_FORCE} ORDER BY since DESC`);
    this.#others = connection
      .prepare<[string, number], number>(
        `SELECT count(*) FROM bans WHERE network <> ? AND ${IN_FORCE}`,
      )
      .pluck();
    this.#put = connection.prepare(
      `INSERT INTO bans VALUES (@network, @reason, @actor, @since, @until)
       ON CONFLICT (network) DO UPDATE SET reason = excluded.reason, actor = excluded.actor,
         since = excluded.since, until = excluded.until`,
    );
    this.#remove = connection.prepare("DELETE FROM bans WHERE network = ? RETURNING *");
    this.#expired = connection.prepare("DELETE FROM bans WHERE until <= ?");
  }

  /** A number that is another one after each change of the bans. Costs a few microseconds. */
  async changes(): Promise<number> {
    return this.#changes.get() ?? 0;
  }

  /** Those in force at the time `now`, the newest first. */
  async all(now: number): Promise<Ban[]> {
    return this.#all.all(now);
  }

  /**
   * Sets a ban; one of the same network is replaced.
   * @returns false when there are `most` others already: then nothing changes
   */
  async put(ban: Ban, most: number): Promise<boolean> {
    return this.#writes.run(() => {
      if ((this.#others.get(ban.network, ban.since) ?? 0) >= most) return false;
      this.#expired.run(ban.since);
      this.#put.run(ban);
      this.#changed.run();
      return true;
    });
  }

  /** Lifts the ban of exactly this network; undefined when there is none. */
  async remove(network: string): Promise<Ban | undefined> {
    return this.#writes.run(() => {
      const removed = this.#remove.get(network);
      if (removed !== undefined) this.#changed.run();
      return removed;
    });
  }

  /** Removes those that are over. */
  async prune(now: number): Promise<void> {
    await this.#writes.run(() => this.#expired.run(now));
  }
}
