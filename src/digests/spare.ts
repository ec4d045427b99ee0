import { readFileSync } from "node:fs";

/** How often is looked, in milliseconds: the kernel counts in hundredths of a second. */
const WINDOW_MS = 100;
/** Between two steps where time is scarce: of some 3 ms each, so a tenth of a processor. */
const STEP_EVERY_MS = 30;
/** Processors that must have nothing better to do. */
const ENOUGH = 0.4;
/** What /proc/stat counts in (proc(5)): USER_HZ is 100 on every Linux there is. */
const TICK_MS = 10;

/** Time that processors spent idle or in low-priority threads since the start, in milliseconds. */
export function readSpareTime(): number {
  try {
    const text = readFileSync("/proc/stat", "latin1");
    const [, , nice, , idle, iowait] = text.slice(0, text.indexOf("\n")).split(/ +/).map(Number);
    return ((nice ?? 0) + (idle ?? 0) + (iowait ?? 0)) * TICK_MS;
  } catch {
    return Number.NaN;
  }
}

/**
 * Lets work that nobody waits for go on while processors have time to spare. Where time is scarce,
 * it gets a step now and then. Low priority alone is not enough: a thread that fills every gap of a
 * transfer slows it.
 */
export class SpareTime {
  readonly #again: () => void;
  readonly #read: () => number;
  #last: number;
  #looked: number;
  #enough = false;
  #stepped = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param again called when it is worth asking again after a refusal */
  constructor(again: () => void, read: () => number = readSpareTime) {
    this.#again = again;
    this.#read = read;
    this.#last = read();
    this.#looked = performance.now();
  }

  /** How much may be done now: many steps, one step or none. */
  grant(): "much" | "little" | "none" {
    const now = performance.now();
    if (now - this.#looked >= WINDOW_MS) this.#look(now);
    if (this.#enough) return "much";
    if (now - this.#stepped >= STEP_EVERY_MS) return "little";
    return this.later();
  }

  /** Nothing now; it is worth asking again soon. */
  later(): "none" {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#again();
    }, STEP_EVERY_MS).unref();
    return "none";
  }

  /** A step was taken. */
  stepped(): void {
    this.#stepped = performance.now();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #look(now: number): void {
    const spare = this.#read();
    // Where nobody can tell, the threads' priority has to do.
    this.#enough = !((spare - this.#last) / (now - this.#looked) < ENOUGH);
    this.#last = spare;
    this.#looked = now;
  }
}
