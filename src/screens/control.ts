import type { Control, Method, ServerLine, Subscription, Topic } from "../control/protocol.ts";
import type { ScreenLine } from "./messages.ts";

const MAX_CALLS = 32;
const MAX_SUBSCRIPTIONS = 32;
/** records of the audit trail kept for a screen that is slow */
const MAX_RECORDS = 1000;

interface Followed {
  readonly topic: Topic;
  subscription: Subscription | undefined;
  /** the last event was not taken in yet */
  busy: boolean;
  /** what came meanwhile */
  next: { readonly event: unknown } | undefined;
}

export interface ScreenControlOptions {
  readonly control: Control;
  /** asked before each call and subscription; false: it is refused */
  readonly allowed: () => Promise<boolean>;
  readonly send: (line: ServerLine) => void;
  /** told of errors in the program itself */
  readonly onError: (error: unknown) => void;
}

/**
 * Control for a screen in another thread. A slow one gets the newest state and not each in between,
 * so that nothing piles up.
 */
export class ScreenControl {
  readonly #options: ScreenControlOptions;
  readonly #followed = new Map<number, Followed>();
  #calls = 0;
  #closed = false;

  constructor(options: ScreenControlOptions) {
    this.#options = options;
  }

  receive(line: ScreenLine): void {
    if ("unsubscribe" in line) {
      this.#followed.get(line.id)?.subscription?.close();
      this.#followed.delete(line.id);
      return;
    }
    const work = "call" in line ? this.#call(line.call, line.params) : this.#subscribe(line);
    work.then(
      (result) => {
        if ("call" in line) this.#send({ id: line.id, result });
      },
      (error: unknown) => {
        this.#followed.delete(line.id);
        this.#send({ id: line.id, error: this.#explain(error) });
      },
    );
  }

  /** The screen has taken the event in. */
  seen(id: number): void {
    const followed = this.#followed.get(id);
    if (followed === undefined) return;
    const { next } = followed;
    followed.next = undefined;
    followed.busy = next !== undefined;
    if (next !== undefined) this.#send({ id, event: next.event });
  }

  close(): void {
    this.#closed = true;
    for (const { subscription } of this.#followed.values()) subscription?.close();
    this.#followed.clear();
    this.#options.control.close();
  }

  async #call(method: Method, params: unknown): Promise<unknown> {
    if (this.#calls >= MAX_CALLS) throw new Refused("too many questions at once");
    this.#calls += 1;
    try {
      await this.#checkAllowed();
      return await this.#options.control.call(method, params as never);
    } finally {
      this.#calls -= 1;
    }
  }

  async #subscribe({
    id,
    subscribe,
    params,
  }: Extract<ScreenLine, { subscribe: Topic }>): Promise<void> {
    if (this.#followed.size >= MAX_SUBSCRIPTIONS) throw new Refused("too many subscriptions");
    const followed: Followed = {
      topic: subscribe,
      subscription: undefined,
      busy: false,
      next: undefined,
    };
    this.#followed.set(id, followed);
    await this.#checkAllowed();
    // Given up meanwhile.
    if (this.#followed.get(id) !== followed) return;
    followed.subscription = this.#options.control.subscribe(subscribe, params as never, (event) =>
      this.#event(id, followed, event),
    );
  }

  #event(id: number, followed: Followed, event: unknown): void {
    if (this.#followed.get(id) !== followed) return;
    if (followed.busy) {
      followed.next = { event: merged(followed, event) };
      return;
    }
    followed.busy = true;
    this.#send({ id, event });
  }

  async #checkAllowed(): Promise<void> {
    if (!(await this.#options.allowed())) throw new Refused("you are not an admin any more");
    if (this.#closed) throw new Refused("the screen is closed");
  }

  #send(line: ServerLine): void {
    if (!this.#closed) this.#options.send(line);
  }

  #explain(error: unknown): { message: string; exitCode: number } {
    const exitCode = (error as { exitCode?: unknown } | null)?.exitCode;
    if (error instanceof Error && typeof exitCode === "number") {
      return { message: error.message, exitCode };
    }
    this.#options.onError(error);
    return { message: "internal error", exitCode: 1 };
  }
}

class Refused extends Error {
  readonly exitCode = 1;
}

/** Records of the trail are news each; everything else is a state, of which the newest counts. */
function merged({ topic, next }: Followed, event: unknown): unknown {
  if (topic !== "log" || next === undefined) return event;
  return [...(next.event as unknown[]), ...(event as unknown[])].slice(-MAX_RECORDS);
}
