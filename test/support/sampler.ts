import { setImmediate } from "node:timers/promises";
import { onDisk } from "./instance.ts";

/** Looks again and again at how many bytes a home holds, while others write to it. */
export class Sampler {
  #most = 0;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(home: string) {
    this.#running = this.#run(home);
  }

  /** @returns the most that it ever saw */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#running;
    return this.#most;
  }

  async #run(home: string): Promise<void> {
    while (!this.#stopped) {
      this.#most = Math.max(this.#most, onDisk(home).bytes);
      await setImmediate();
    }
  }
}
