import type { LoopDelay } from "./protocol.ts";

/**
 * How often it is looked, in milliseconds. An idle process is woken each time, for some 70 µs: at 50
 * it takes an eight hundredth of a processor, at 20 three times as much. Delays are seen to a
 * millisecond, as timers come no more exactly.
 */
const EVERY_MS = 50;

/** Looks of a minute. */
const KEPT = 60_000 / EVERY_MS;

/**
 * What somebody had to wait for the event loop, who came at a moment within the last minute. Not
 * perf_hooks' monitorEventLoopDelay: that has one figure for a long stop, however many came in it.
 */
export class LoopDelayMeter {
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  /** a ring: the delays, in milliseconds, that those had who came at the last looks */
  readonly #delays = new Float32Array(KEPT);
  #count = 0;
  #last: number;

  /** @param now milliseconds of a clock that doesn't go back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#last = now();
    this.#timer = setInterval(() => this.look(), EVERY_MS).unref();
  }

  /** To be called by the timer: how much too late that is, is what the loop was held up. */
  look(): void {
    const now = this.#now();
    const late = Math.max(0, now - this.#last - EVERY_MS);
    this.#last = now;
    // Each look that was missed meanwhile would have had a part of the delay.
    const missed = Math.min(KEPT, Math.floor(late / EVERY_MS));
    for (let one = missed; one >= 0; one--) this.#note(late - one * EVERY_MS);
  }

  get figures(): LoopDelay {
    const known = this.#delays.slice(0, Math.min(this.#count, KEPT)).sort();
    const at = (part: number): number => {
      const delay = known[Math.ceil(known.length * part) - 1] ?? 0;
      return Math.round(delay * 10) / 10;
    };
    return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #note(delay: number): void {
    this.#delays[this.#count % KEPT] = delay;
    this.#count += 1;
  }
}
