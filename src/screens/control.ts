import { ControlError } from "../control/errors.ts";
import type { Control, Method, ServerLine, Topic } from "../control/protocol.ts";
import { Subscriptions } from "../control/subscriptions.ts";
import type { ScreenLine } from "./messages.ts";

const MAX_CALLS = 32;
const MAX_SUBSCRIPTIONS = 32;
/** records of the audit trail kept for a screen that is slow */
const MAX_RECORDS = 1000;

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
  readonly #subscriptions = new Subscriptions({
    max: MAX_SUBSCRIPTIONS,
    maxRecords: MAX_RECORDS,
    send: (id, event) => this.#tell(id, event),
    hasRoom: (id) => !this.#busy.has(id),
  });
  /** subscriptions whose last event was not taken in yet */
  readonly #busy = new Set<number>();
  #calls = 0;
  #closed = false;

  constructor(options: ScreenControlOptions) {
    this.#options = options;
  }

  receive(line: ScreenLine): void {
    if ("unsubscribe" in line) {
      this.#remove(line.id);
      return;
    }
    const work = "call" in line ? this.#call(line.call, line.params) : this.#subscribe(line);
    work.then(
      (result) => {
        if ("call" in line) this.#send({ id: line.id, result });
      },
      (error: unknown) => {
        this.#send({ id: line.id, error: this.#explain(error) });
      },
    );
  }

  /** The screen has taken the event in. */
  seen(id: number): void {
    this.#busy.delete(id);
    this.#subscriptions.flush();
  }

  close(): void {
    this.#closed = true;
    this.#subscriptions.close();
    this.#options.control.close();
  }

  async #call(method: Method, params: unknown): Promise<unknown> {
    if (this.#calls >= MAX_CALLS) throw new ControlError("too many questions at once");
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
    const begin = this.#subscriptions.add(id, subscribe);
    try {
      await this.#checkAllowed();
    } catch (error) {
      this.#remove(id);
      throw error;
    }
    begin((tell) => this.#options.control.subscribe(subscribe, params as never, tell));
  }

  #tell(id: number, event: unknown): void {
    this.#busy.add(id);
    this.#send({ id, event });
  }

  #remove(id: number): void {
    this.#busy.delete(id);
    this.#subscriptions.remove(id);
  }

  async #checkAllowed(): Promise<void> {
    if (!(await this.#options.allowed())) throw new ControlError("you are not an admin any more");
    if (this.#closed) throw new ControlError("the screen is closed");
  }

  #send(line: ServerLine): void {
    if (!this.#closed) this.#options.send(line);
  }

  #explain(error: unknown): { message: string; exitCode: number } {
    if (error instanceof ControlError) return { message: error.message, exitCode: error.exitCode };
    this.#options.onError(error);
    return { message: "internal error", exitCode: 1 };
  }
}
