import type { Connection, Statement } from "./connection.ts";
import type { NodeStore } from "./nodes.ts";
import type { WriteOptions, Writes } from "./writes.ts";

/** How it goes with one receiver of events. Times in milliseconds since the epoch. */
export interface ReceiverState {
  readonly name: string;
  /** 0: the settings do not have it (any more) */
  readonly active: 0 | 1;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly delivered: number;
  /** what never arrives: too many waited, it waited too long, or somebody dropped it */
  readonly dropped: number;
  /** since the last success */
  readonly failures: number;
  /** nothing is sent before */
  readonly nextAt: number;
  readonly lastSuccessAt: number | null;
  readonly lastErrorAt: number | null;
  /** empty: there was none */
  readonly lastError: string;
}

/** An event to be queued. */
export interface NewEvent {
  readonly receiver: string;
  readonly at: number;
  /** JSON */
  readonly event: string;
  /** what may wait for that receiver */
  readonly most: { readonly events: number; readonly bytes: number };
}

export interface QueuedEvent {
  readonly id: number;
  readonly receiver: string;
  /** counts a receiver's events, with those that were dropped */
  readonly sequence: number;
  readonly tries: number;
  readonly event: string;
}

/** How an attempt failed. */
export interface FailedAttempt {
  readonly at: number;
  readonly error: string;
  /** nothing is sent to the receiver before */
  readonly nextAt: number;
  /** this event is not sent before; 0: it is the receiver that fails */
  readonly eventNextAt: number;
}

const STATES = `SELECT name, active, queued, queued_bytes AS "queuedBytes", delivered, dropped, failures,
  next_at AS "nextAt", last_success_at AS "lastSuccessAt", last_error_at AS "lastErrorAt",
  last_error AS "lastError" FROM event_receivers ORDER BY name`;
/** Rows that one transaction removes. */
const REMOVE_AT_ONCE = 500;

interface Removed {
  readonly receiver: string;
  readonly bytes: number;
}

/** Events that wait for their receivers, and the one process that delivers them. */
export class EventStore {
  readonly #writes: Writes;
  readonly #nodes: NodeStore;
  readonly #nodeId: string;
  readonly #states: Statement<[], ReceiverState>;
  readonly #feed: Statement<[], { holder: string; auditId: number | null }>;
  readonly #hold: Statement;
  readonly #newest: Statement<[], number>;
  readonly #newestBefore: Statement<[number], number>;
  readonly #setCursor: Statement;
  readonly #deactivate: Statement;
  readonly #activate: Statement;
  readonly #forget: Statement;
  readonly #admit: Statement<[number, number, number, string], number>;
  readonly #number: Statement<[string], { sequence: number }>;
  readonly #insert: Statement;
  readonly #due: Statement<[string, number, number], QueuedEvent>;
  readonly #remove: Statement<[number], Removed>;
  readonly #removeOld: Statement<[string, number, number], Removed>;
  readonly #account: Statement;
  readonly #succeeded: Statement;
  readonly #failed: Statement;
  readonly #postpone: Statement;
  readonly #retry: Statement;
  readonly #retryEvents: Statement;

  constructor(connection: Connection, writes: Writes, nodes: NodeStore, nodeId: string) {
    const prepare = connection.prepare.bind(connection);
    this.#writes = writes;
    this.#nodes = nodes;
    this.#nodeId = nodeId;
    this.#states = connection.prepare(STATES);
    this.#feed = connection.prepare('SELECT holder, audit_id AS "auditId" FROM event_feed');
    this.#hold = prepare("UPDATE event_feed SET holder = ? WHERE holder = ?");
    // Not max(id): the newest records may have been pruned, and their numbers are not used again.
    this.#newest = connection
      .prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
      .pluck();
    this.#newestBefore = connection
      .prepare<[number], number>(
        "SELECT id FROM audit WHERE at < ? ORDER BY at DESC, id DESC LIMIT 1",
      )
      .pluck();
    this.#setCursor = prepare("UPDATE event_feed SET audit_id = ? WHERE holder = ?");
    this.#deactivate = prepare("UPDATE event_receivers SET active = 0");
    this.#activate = prepare(
      "INSERT INTO event_receivers (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET active = 1",
    );
    this.#forget = prepare("DELETE FROM event_receivers WHERE active = 0 AND queued = 0");
    this.#admit = connection
      .prepare<[number, number, number, string], number>(
        `SELECT queued < ? AND queued_bytes + ? <= ? FROM event_receivers WHERE name = ?`,
      )
      .pluck();
    this.#number = connection.prepare(
      "UPDATE event_receivers SET sequence = sequence + 1 WHERE name = ? RETURNING sequence",
    );
    this.#insert = prepare(
      "INSERT INTO event_queue (receiver, sequence, at, event) VALUES (?, ?, ?, ?)",
    );
    this.#due = connection.prepare(
      `SELECT id, receiver, sequence, tries, event FROM event_queue
       WHERE receiver = ? AND next_at <= ? ORDER BY sequence LIMIT ?`,
    );
    this.#remove = connection.prepare(
      "DELETE FROM event_queue WHERE id = ? RETURNING receiver, octet_length(event) AS bytes",
    );
    this.#removeOld = connection.prepare(
      `DELETE FROM event_queue WHERE id IN
       (SELECT id FROM event_queue WHERE receiver = ? AND at < ? LIMIT ?)
       RETURNING receiver, octet_length(event) AS bytes`,
    );
    this.#account = prepare(
      `UPDATE event_receivers SET queued = queued + ?, queued_bytes = queued_bytes + ?,
       dropped = dropped + ? WHERE name = ?`,
    );
    this.#succeeded = prepare(
      `UPDATE event_receivers SET delivered = delivered + ?, failures = 0, next_at = 0,
       last_success_at = ? WHERE name = ?`,
    );
    this.#failed = prepare(
      `UPDATE event_receivers SET failures = max(1, failures + ?), next_at = ?, last_error_at = ?,
       last_error = ? WHERE name = ?`,
    );
    this.#postpone = prepare("UPDATE event_queue SET tries = tries + 1, next_at = ? WHERE id = ?");
    this.#retry = prepare("UPDATE event_receivers SET next_at = 0 WHERE name = ?");
    this.#retryEvents = prepare("UPDATE event_queue SET next_at = 0 WHERE receiver = ?");
  }

  /** All receivers that are or were in the settings and have something waiting, by name. */
  async list(): Promise<ReceiverState[]> {
    return this.#states.all();
  }

  /** The number of the newest audit record. Costs a few microseconds. */
  async newest(): Promise<number> {
    return this.#newest.get() ?? 0;
  }

  /**
   * Makes this process the one that delivers, unless another one does that lives.
   * @returns whether it is now
   */
  async claim(): Promise<boolean> {
    const holder = this.#feed.get()?.holder ?? "";
    if (holder === this.#nodeId) return true;
    const node = (await this.#nodes.list()).find(({ id }) => id === holder);
    if (node?.alive) return false;
    return this.#alone(() => this.#hold.run(this.#nodeId, holder).changes > 0);
  }

  async release(): Promise<void> {
    await this.#alone(() => this.#hold.run("", this.#nodeId));
  }

  /**
   * The receivers are those now. Where nobody was told before, what happened since `since` is new.
   * @returns the number of the audit record up to which events were made
   */
  async setReceivers(names: readonly string[], since: number): Promise<number> {
    return this.#alone(() => {
      this.#deactivate.run();
      for (const name of names) this.#activate.run(name);
      this.#forget.run();
      const known = this.#feed.get()?.auditId ?? undefined;
      const cursor = known ?? this.#newestBefore.get(since) ?? 0;
      this.#setCursor.run(names.length === 0 ? null : cursor, this.#nodeId);
      return cursor;
    });
  }

  /**
   * Queues events, and notes that those up to the audit record `to` were made: both or neither.
   * @returns of each receiver how many had no room, and undefined when another process delivers
   */
  async take(
    from: number,
    to: number,
    events: readonly NewEvent[],
  ): Promise<ReadonlyMap<string, number> | undefined> {
    return this.#alone(
      () => {
        const feed = this.#feed.get();
        if (feed?.holder !== this.#nodeId || feed.auditId !== from) return undefined;
        const dropped = new Map<string, number>();
        for (const event of events) {
          if (!this.#queue(event)) {
            dropped.set(event.receiver, (dropped.get(event.receiver) ?? 0) + 1);
          }
        }
        this.#setCursor.run(to, this.#nodeId);
        return dropped;
      },
      { deferrable: true },
    );
  }

  /** False when there was no room. */
  #queue({ receiver, at, event, most }: NewEvent): boolean {
    const bytes = Buffer.byteLength(event);
    const sequence = this.#number.get(receiver)?.sequence;
    // A receiver that was taken out of the settings a moment ago.
    if (sequence === undefined) return true;
    if (this.#admit.get(most.events, bytes, most.bytes, receiver) !== 1) {
      this.#account.run(0, 0, 1, receiver);
      return false;
    }
    this.#insert.run(receiver, sequence, at, event);
    this.#account.run(1, bytes, 0, receiver);
    return true;
  }

  /** What may be sent to a receiver at the time `now`, oldest first. */
  async due(receiver: string, now: number, limit: number): Promise<QueuedEvent[]> {
    return this.#due.all(receiver, now, limit);
  }

  /** They arrived. */
  async succeeded(receiver: string, ids: readonly number[], at: number): Promise<void> {
    await this.#alone(() => {
      const removed = ids.flatMap((id) => this.#remove.get(id) ?? []);
      const bytes = removed.reduce((sum, one) => sum + one.bytes, 0);
      this.#account.run(-removed.length, -bytes, 0, receiver);
      this.#succeeded.run(ids.length, at, receiver);
    });
  }

  async failed({ id, receiver }: QueuedEvent, attempt: FailedAttempt): Promise<void> {
    const { at, error, nextAt, eventNextAt } = attempt;
    // What is wrong with one event must not add up to what is wrong with the receiver.
    const more = eventNextAt === 0 ? 1 : 0;
    await this.#alone(() => {
      this.#failed.run(more, nextAt, at, error, receiver);
      this.#postpone.run(eventNextAt, id);
    });
  }

  /**
   * Removes what happened before `before` and waits for that receiver. In small transactions.
   * @returns how many
   */
  async drop(receiver: string, before = Number.MAX_SAFE_INTEGER): Promise<number> {
    let all = 0;
    for (;;) {
      const removed = await this.#alone(() => this.#dropSome(receiver, before));
      all += removed;
      if (removed < REMOVE_AT_ONCE) return all;
    }
  }

  #dropSome(receiver: string, before: number): number {
    const removed = this.#removeOld.all(receiver, before, REMOVE_AT_ONCE);
    const bytes = removed.reduce((sum, one) => sum + one.bytes, 0);
    this.#account.run(-removed.length, -bytes, removed.length, receiver);
    this.#forget.run();
    return removed.length;
  }

  /** All that waits for a receiver may be sent at once. */
  async retry(receiver: string): Promise<void> {
    await this.#alone(() => {
      this.#retry.run(receiver);
      this.#retryEvents.run(receiver);
    });
  }

  #alone<T>(act: () => T, options: WriteOptions<T> = {}): Promise<T> {
    return this.#writes.run(act, { ...options, lock: "events" });
  }
}
