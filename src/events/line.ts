import type { EventStore, QueuedEvent, ReceiverState } from "../store/events.ts";
import { pauseAfter, pauseOfRefused } from "./backoff.ts";
import type { Sender } from "./sender.ts";
import type { MoorageEvent, Outcome, Receiver } from "./types.ts";

/** Events that are read from the store, and noted as delivered, together. */
const BURST = 32;
/** What has arrived is noted at the latest after so long, in milliseconds: a crash sends it again. */
const NOTE_MS = 1_000;
/** How long nothing is sent when the store can't say what was, in milliseconds. */
const STORE_PAUSE_MS = 5_000;

export interface LineOptions {
  readonly receiver: Receiver;
  readonly sender: Sender;
  readonly store: Pick<EventStore, "due" | "succeeded" | "failed" | "list">;
  /** told how it goes; `failures` are those in a row before it */
  tried(receiver: Receiver, outcome: Outcome, failures: number): void;
  /** told that an attempt could not be noted */
  unnoted(error: unknown): void;
}

type Failure = Extract<Outcome, { ok: false }>;

/** What waits for one receiver, and what is under way to it. */
export class Line {
  readonly #options: LineOptions;
  readonly #abort = new AbortController();
  #underWay: Promise<void> | undefined;
  #isClosed = false;
  /** Without it what arrived would be sent again and again while it can't be noted. */
  #notBefore = 0;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get receiver(): Receiver {
    return this.#options.receiver;
  }

  /** Begins to deliver what is due, unless that is under way. @param state as the store has it now */
  fill(state: ReceiverState): void {
    this.#underWay ??= this.#deliverAll(state)
      .catch((error: unknown) => {
        this.#notBefore = Date.now() + STORE_PAUSE_MS;
        this.#options.unnoted(error);
      })
      .finally(() => {
        this.#underWay = undefined;
      });
  }

  /** Until nothing is due any more. */
  async #deliverAll(first: ReceiverState): Promise<void> {
    const { receiver, store } = this.#options;
    for (let state: ReceiverState | undefined = first; state !== undefined; ) {
      const now = Date.now();
      const from = Math.max(state.nextAt, this.#notBefore);
      if (this.#isClosed || state.queued === 0 || from > now) return;
      // After a failure one at a time, until it works again.
      const most = state.failures > 0 ? 1 : BURST;
      const due = await store.due(receiver.name, now, most);
      if (due.length === 0) return;
      await new Burst(this.#options, state.failures).deliver(due, {
        signal: this.#abort.signal,
        goesOn: () => !this.#isClosed,
      });
      state = (await store.list()).find(({ name }) => name === receiver.name);
    }
  }

  /** Goes on for so many milliseconds while something is due, and breaks off what is under way then. */
  async close(patienceMs: number): Promise<void> {
    const patience = setTimeout(() => this.#breakOff(), patienceMs);
    await this.#underWay;
    clearTimeout(patience);
    this.#breakOff();
    this.#options.sender.close();
  }

  #breakOff(): void {
    this.#isClosed = true;
    this.#abort.abort();
  }
}

interface Going {
  /** breaks off what is under way */
  readonly signal: AbortSignal;
  /** false: nothing more is begun */
  goesOn(): boolean;
}

/** Some events that were due together. The first failure ends it. */
class Burst {
  readonly #options: LineOptions;
  /** in a row, before it */
  #failures: number;
  readonly #failed: [QueuedEvent, Failure][] = [];
  #arrived: number[] = [];
  #notedAt = Date.now();

  constructor(options: LineOptions, failures: number) {
    this.#options = options;
    this.#failures = failures;
  }

  /** Resolves when all is noted. Rejects when it can't be. */
  async deliver(due: readonly QueuedEvent[], going: Going): Promise<void> {
    const left = [...due];
    const carrier = async (): Promise<void> => {
      while (going.goesOn() && this.#failed.length === 0) {
        const event = left.shift();
        if (event === undefined) return;
        await this.#deliverOne(event, going.signal);
      }
    };
    const { atOnce } = this.#options.receiver;
    await Promise.all(Array.from({ length: atOnce }, carrier));
    await this.#noteArrived();
    await this.#noteFailed();
  }

  async #deliverOne(event: QueuedEvent, signal: AbortSignal): Promise<void> {
    const { id } = JSON.parse(event.event) as MoorageEvent;
    const outcome = await this.#options.sender.send(id, bodyOf(event), signal);
    if (outcome.ok) {
      this.#tell(outcome);
      this.#arrived.push(event.id);
      if (Date.now() - this.#notedAt > NOTE_MS) await this.#noteArrived();
    } else if (!signal.aborted) {
      // What was broken off is due again, as if it had not been tried.
      this.#tell(outcome);
      this.#failed.push([event, outcome]);
    }
  }

  #tell(outcome: Outcome): void {
    this.#options.tried(this.#options.receiver, outcome, this.#failures);
    if (outcome.ok) this.#failures = 0;
    else this.#failures = Math.max(1, this.#failures + (outcome.refused ? 0 : 1));
  }

  async #noteArrived(): Promise<void> {
    const ids = this.#arrived;
    this.#arrived = [];
    this.#notedAt = Date.now();
    const { store, receiver } = this.#options;
    if (ids.length > 0) await store.succeeded(receiver.name, ids, this.#notedAt);
  }

  async #noteFailed(): Promise<void> {
    for (const [event, { text, refused }] of this.#failed) {
      const at = Date.now();
      await this.#options.store.failed(event, {
        at,
        error: text,
        // Whoever can cause events that are refused must not hold up those of others.
        nextAt: refused ? at : at + pauseAfter(this.#failures),
        eventNextAt: refused ? at + pauseOfRefused(event.tries + 1) : 0,
      });
    }
  }
}

/** The number is the receiver's own, the rest is what all receivers get. */
export function bodyOf({ event, sequence }: Pick<QueuedEvent, "event" | "sequence">): string {
  return JSON.stringify({ ...(JSON.parse(event) as MoorageEvent), sequence });
}
