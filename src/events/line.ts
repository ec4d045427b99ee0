import type { EventStore, QueuedEvent, ReceiverState } from "../store/events.ts";
import { pauseAfter, pauseOfRefused } from "./backoff.ts";
import type { Sender } from "./sender.ts";
import type { MoorageEvent, Outcome, Receiver } from "./types.ts";

/** How long nothing is sent when the store can't say what was, in milliseconds. */
const STORE_PAUSE_MS = 5_000;

export interface LineOptions {
  readonly receiver: Receiver;
  readonly sender: Sender;
  readonly store: Pick<EventStore, "due" | "succeeded" | "failed" | "list">;
  /** told of each attempt; `failures` are those in a row before it */
  tried(receiver: Receiver, outcome: Outcome, failures: number): void;
  /** told that an attempt could not be noted */
  unnoted(error: unknown): void;
}

/** What waits for one receiver, and what is under way to it. */
export class Line {
  readonly #options: LineOptions;
  readonly #underWay = new Map<number, Promise<void>>();
  readonly #abort = new AbortController();
  #filling: Promise<void> | undefined;
  #isClosed = false;
  /** Without it what arrived would be sent again and again while it can't be noted. */
  #notBefore = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get receiver(): Receiver {
    return this.#options.receiver;
  }

  /**
   * Begins to deliver what is due, as far as there may be more at once. Resolves when that is under
   * way. Rejects when the store can't be used.
   * @param state as the store has it now
   */
  fill(state: ReceiverState, now = Date.now()): Promise<void> {
    const from = Math.max(state.nextAt, this.#notBefore);
    if (this.#isClosed || state.queued === 0 || from > now) return Promise.resolve();
    this.#filling ??= this.#fill(state, now).finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  async #fill(state: ReceiverState, now: number): Promise<void> {
    const { receiver, store } = this.#options;
    const room = receiver.atOnce - this.#underWay.size;
    // After a failure one at a time, until it works again.
    const most = state.failures > 0 ? Math.min(room, 1 - this.#underWay.size) : room;
    if (most <= 0) return;
    const due = await store.due(receiver.name, now, receiver.atOnce);
    const next = due.filter(({ id }) => !this.#underWay.has(id)).slice(0, most);
    for (const event of next) {
      this.#underWay.set(event.id, this.#deliver(event, state.failures));
    }
  }

  async #deliver(event: QueuedEvent, failures: number): Promise<void> {
    const { receiver, sender, tried, unnoted } = this.#options;
    const { id } = JSON.parse(event.event) as MoorageEvent;
    const outcome = await sender.send(id, bodyOf(event), this.#abort.signal);
    try {
      // What was broken off is due again, as if it had not been tried.
      if (this.#abort.signal.aborted && !outcome.ok) return;
      await this.#note(event, outcome, failures);
      tried(receiver, outcome, failures);
      this.#underWay.delete(event.id);
      if (outcome.ok) await this.#goOn();
    } catch (error) {
      this.#notBefore = Date.now() + STORE_PAUSE_MS;
      unnoted(error);
    } finally {
      this.#underWay.delete(event.id);
    }
  }

  async #note(event: QueuedEvent, outcome: Outcome, failures: number): Promise<void> {
    const { store } = this.#options;
    if (outcome.ok) await store.succeeded(event.id, Date.now());
    else await store.failed(event, attemptOf(event, outcome, failures + 1));
  }

  /** The next one does not wait for the next look at the store. */
  async #goOn(): Promise<void> {
    const { receiver, store } = this.#options;
    const state = (await store.list()).find(({ name }) => name === receiver.name);
    if (state !== undefined) await this.fill(state);
  }

  /** Resolves when nothing is under way, or after so many milliseconds. */
  async settled(patienceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([this.#idle(), patience]);
    clearTimeout(timer);
  }

  async #idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay.values());
  }

  /** Begins nothing any more, and breaks off what is under way after so many milliseconds. */
  async close(patienceMs: number): Promise<void> {
    this.#isClosed = true;
    await this.settled(patienceMs);
    this.#abort.abort();
    await Promise.allSettled(this.#underWay.values());
    this.#options.sender.close();
  }
}

/** The number is the receiver's own, the rest is what all receivers get. */
export function bodyOf({ event, sequence }: Pick<QueuedEvent, "event" | "sequence">): string {
  return JSON.stringify({ ...(JSON.parse(event) as MoorageEvent), sequence });
}

function attemptOf(
  { tries }: QueuedEvent,
  { text, refused }: Extract<Outcome, { ok: false }>,
  failures: number,
) {
  const at = Date.now();
  const eventNextAt = refused ? at + pauseOfRefused(tries + 1) : 0;
  return { at, error: text, nextAt: at + pauseAfter(failures), eventNextAt };
}
