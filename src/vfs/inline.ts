/** Bytes up to which an operation counts as small. */
export const INLINE_BYTES = 32 * 1024;

/** A call that took longer waited for something, in milliseconds. */
const LONG_MS = 1;
/** So long all that waits may hold up the others at once, in milliseconds. */
const BURST_MS = 20;
/** Of any longer time it may be this part. */
const SHARE = 0.01;
/** After so long the disk is tried again in any case, in milliseconds. */
const LONGEST_PAUSE_MS = 10_000;

/**
 * Small reads and writes are mostly of the page cache and take microseconds, less than it costs to
 * hand them to a thread and back. They are done at once as long as the disk answers so fast: those
 * that took long are added up, and when that is too much all go to the threads for a while. One that
 * takes long now and then only had to wait for a processor.
 */
export class InlineCalls {
  readonly #now: () => number;
  #pausedUntil = 0;
  /** what calls held up the others and was not forgotten yet, and when it was reckoned */
  #held = 0;
  #at = 0;

  /** @param now milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Runs a small system call at once.
   * @returns undefined when it should go to the threads instead
   */
  run<T>(call: () => T): T | undefined {
    const start = this.#now();
    if (start < this.#pausedUntil) return undefined;
    try {
      return call();
    } finally {
      const end = this.#now();
      if (end - start > LONG_MS) this.#tookLong(end - start, end);
    }
  }

  #tookLong(took: number, now: number): void {
    this.#held = Math.max(0, this.#held - (now - this.#at) * SHARE) + took;
    this.#at = now;
    const pause = (this.#held - BURST_MS) / SHARE;
    if (pause > 0) this.#pausedUntil = now + Math.min(pause, LONGEST_PAUSE_MS);
  }
}

/** Those of this process, whose one event loop they hold up. */
export const inlineCalls = new InlineCalls();
