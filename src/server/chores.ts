import type { Logger } from "pino";
import { errorName } from "../errors.ts";
import { Seldom } from "../seldom.ts";

/** What the server does again and again, beside serving. */
export class Chores {
  readonly #log: Logger;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #closing: (() => Promise<void>)[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * What fails is logged as `failure` and tried again the next time; never twice at once. What fails
   * again and again is logged when it begins, and then now and then.
   */
  every(milliseconds: number, failure: string, work: () => Promise<unknown>): void {
    let isRunning = false;
    const failing = new Seldom();
    const run = async (): Promise<void> => {
      try {
        await work();
        failing.over();
      } catch (error) {
        if (failing.isDue()) this.#log.error({ error: errorName(error) }, failure);
      }
    };
    const timer = setInterval(() => {
      if (isRunning) return;
      isRunning = true;
      const chore = run().finally(() => {
        isRunning = false;
        this.#running.delete(chore);
      });
      this.#running.add(chore);
    }, milliseconds);
    this.#timers.push(timer);
  }

  /** To be called when the chores are over. */
  atEnd(close: () => Promise<void>): void {
    this.#closing.push(close);
  }

  /** Begins no chore any more; resolves when those under way are done. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#running);
    await Promise.all(this.#closing.map((close) => close()));
  }
}
