import { leaveAtOnce } from "../../leave.ts";

/** A command that Ctrl-C, or a signal to end, stopped. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/** A terminal's Ctrl-C may reach a process twice at once. */
const ECHO_MS = 300;
const FORCED_EXIT = 130;

/**
 * What stops the work under way: Ctrl-C, SIGTERM, a terminal that went away. The first one asks, the
 * next one ends the process.
 */
export class Interrupts {
  /** a signal came that asks the process to end, not only its work */
  ending: NodeJS.Signals | undefined;
  readonly #exit: (code: number) => void;
  #work: AbortController | undefined;
  #asked = 0;
  readonly #listener = (signal: NodeJS.Signals): void => {
    if (signal !== "SIGINT") this.ending = signal;
    this.interrupt();
  };

  /** @param exit for tests */
  constructor(exit: (code: number) => void = leaveAtOnce) {
    this.#exit = exit;
  }

  listen(): void {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, this.#listener);
  }

  unlisten(): void {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.off(signal, this.#listener);
  }

  /** Stops the work under way. When there is none, or the work doesn't stop, ends the process. */
  interrupt(): void {
    const now = performance.now();
    if (this.#work === undefined) this.#exit(FORCED_EXIT);
    else if (!this.#work.signal.aborted) {
      this.#asked = now;
      this.#work.abort(new Cancelled("cancelled"));
    } else if (now - this.#asked > ECHO_MS) this.#exit(FORCED_EXIT);
  }

  /** Runs work that can be stopped. @throws Cancelled when it was, if the work says nothing else */
  async during<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const outer = this.#work;
    const controller = new AbortController();
    this.#work = controller;
    try {
      return await work(controller.signal);
    } finally {
      this.#work = outer;
    }
  }
}

/** A promise that stops being waited for: for work that can't be stopped itself. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
