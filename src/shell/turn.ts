import { setImmediate } from "node:timers/promises";

/** How long one shell may keep the event loop to itself, in milliseconds. */
const TURN_MS = 2;

/** What a shell does between two chances for others: it goes on over commands and lines. */
export class Turn {
  #began = performance.now();

  /** Lets others go first when the turn has been long enough. */
  async pass(): Promise<void> {
    if (performance.now() - this.#began < TURN_MS) return;
    await setImmediate();
    this.#began = performance.now();
  }
}
