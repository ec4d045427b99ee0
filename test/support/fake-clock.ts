import type { Clock } from "../../src/rates/pacer.ts";

interface Timer {
  readonly at: number;
  readonly act: () => void;
}

/** A clock that goes when a test says so. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  /** how much later than asked each timer comes, in milliseconds */
  readonly #lateness: () => number;
  #now = 0;

  constructor(lateness: () => number = () => 0) {
    this.#lateness = lateness;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, act: () => void): () => void {
    const timer = { at: this.#now + milliseconds + this.#lateness(), act };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Resolves after so long. */
  pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.after(milliseconds, resolve));
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass; what timers begin has its promises settled before the next one. */
  async run(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.act();
      await settled();
    }
    this.#now = end;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= end && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
