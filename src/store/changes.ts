import type { Connection, Statement } from "./connection.ts";
import type { Change, ChangeKind } from "./types.ts";
import type { Writes } from "./writes.ts";

const KEPT_CHANGES = 10_000;

/** What the processes of an instance tell each other through the store. */
export class ChangeStore {
  readonly #writes: Writes;
  readonly #insert: Statement<unknown[], number>;
  readonly #prune: Statement;
  readonly #latest: Statement<[], number>;
  readonly #since: Statement<[number], Change>;
  readonly #connection: Connection;
  #seen: number;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#insert = connection
      .prepare<unknown[], number>(
        "INSERT INTO changes (kind, user_id, detail, at) VALUES (?, ?, ?, ?) RETURNING id",
      )
      .pluck();
    this.#prune = connection.prepare("DELETE FROM changes WHERE id <= ?");
    this.#latest = connection
      .prepare<[], number>("SELECT coalesce(max(id), 0) FROM changes")
      .pluck();
    this.#since = connection.prepare(
      'SELECT id, kind, user_id AS "userId", detail FROM changes WHERE id > ? ORDER BY id',
    );
    this.#connection = connection;
    this.#seen = connection.version();
  }

  /** Resolves to the change's id. Only the last 10,000 are kept. */
  async add(kind: ChangeKind, userId: number, detail = ""): Promise<number> {
    return this.#writes.run(
      () => {
        const id = this.#insert.get(kind, userId, detail, Date.now()) ?? 0;
        this.#prune.run(id - KEPT_CHANGES);
        return id;
      },
      { lock: "changes" },
    );
  }

  /** The newest change's id, 0 when there is none. */
  async latestId(): Promise<number> {
    return this.#latest.get() ?? 0;
  }

  /** Changes newer than `id`, in the order they were made. */
  async since(id: number): Promise<Change[]> {
    return this.#since.all(id);
  }

  /**
   * True when another process wrote to the store since the last call: the time to ask `since`.
   * Costs a few microseconds. Own writes don't show.
   */
  poll(): boolean {
    const version = this.#connection.version();
    const changed = version !== this.#seen;
    this.#seen = version;
    return changed;
  }
}
