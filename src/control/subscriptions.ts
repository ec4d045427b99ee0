import { ControlError } from "./errors.ts";
import type { Subscription, Topic } from "./protocol.ts";

interface Followed {
  readonly topic: Topic;
  subscription: Subscription | undefined;
  waiting: { event: unknown } | undefined;
}

export interface FollowedOptions {
  /** subscriptions at once */
  readonly max: number;
  /** records of the audit trail that wait for one who reads slowly */
  readonly maxRecords: number;
  readonly send: (id: number, event: unknown) => void;
  /** whether an event of this subscription may be sent now; {@link Subscriptions.flush} when it may */
  readonly hasRoom: (id: number) => boolean;
  /**
   * More records wait than may. Without it the oldest of them are dropped; with it the subscription
   * has ended.
   */
  readonly onTooMany?: (id: number) => void;
}

/**
 * The subscriptions of one who controls the server. Who reads slowly gets the newest state and not
 * each in between; records of the audit trail are news each.
 */
export class Subscriptions {
  readonly #options: FollowedOptions;
  readonly #followed = new Map<number, Followed>();

  constructor(options: FollowedOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#followed.size;
  }

  /**
   * Keeps a place.
   * @returns what begins it: `subscribe` gets who is to be told of events. What it throws ends it
   * @throws ControlError when the number is taken or there are too many
   */
  add(
    id: number,
    topic: Topic,
  ): (subscribe: (tell: (event: unknown) => void) => Subscription) => void {
    if (this.#followed.has(id)) throw new ControlError(`subscription ${id} is there already`);
    if (this.#followed.size >= this.#options.max) throw new ControlError("too many subscriptions");
    const followed: Followed = { topic, subscription: undefined, waiting: undefined };
    this.#followed.set(id, followed);
    return (subscribe) => {
      // It may have been given up meanwhile.
      if (this.#followed.get(id) !== followed) return;
      try {
        followed.subscription = subscribe((event) => this.#event(id, followed, event));
      } catch (error) {
        this.#followed.delete(id);
        throw error;
      }
    };
  }

  remove(id: number): void {
    this.#followed.get(id)?.subscription?.close();
    this.#followed.delete(id);
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    for (const [id, followed] of this.#followed) {
      const { waiting } = followed;
      if (waiting === undefined || !this.#options.hasRoom(id)) continue;
      followed.waiting = undefined;
      this.#options.send(id, waiting.event);
    }
  }

  close(): void {
    for (const id of [...this.#followed.keys()]) this.remove(id);
  }

  #event(id: number, followed: Followed, event: unknown): void {
    if (this.#followed.get(id) !== followed) return;
    const { hasRoom, send } = this.#options;
    if (followed.waiting === undefined && hasRoom(id)) send(id, event);
    else if (followed.topic !== "log") followed.waiting = { event };
    else this.#keepRecords(id, followed, event as readonly unknown[]);
  }

  #keepRecords(id: number, followed: Followed, records: readonly unknown[]): void {
    const { maxRecords, onTooMany } = this.#options;
    const waiting = [...((followed.waiting?.event ?? []) as unknown[]), ...records];
    if (waiting.length <= maxRecords || onTooMany === undefined) {
      followed.waiting = { event: waiting.slice(-maxRecords) };
      return;
    }
    this.remove(id);
    onTooMany(id);
  }
}
