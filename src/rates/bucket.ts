/** What gathers at most while nobody takes anything, in milliseconds of the rate. */
const BURST_MS = 100;
/** What small requests may take ahead, in milliseconds of the rate. */
const DEBT_MS = 50;
/** What is taken at once at most, in milliseconds of the rate. */
const PIECE_MS = 20;

/** Above that a request waits its turn, in bytes. */
export const SMALL_BYTES = 4 * 1024;

/** Small requests get at most so much of the rate ahead of others. */
const SMALL_SHARE = 0.5;

/**
 * A rate as a bucket that fills by it. Within any time it gives what the rate gives in that time,
 * and 150 ms of the rate more at most: 3 percent of 5 seconds. Times are milliseconds of the caller's
 * clock, which doesn't go back; rates are bytes a second.
 */
export class Bucket {
  #rate: number;
  #level = 0;
  /** what small requests may still take ahead of others; never above what they may owe */
  #ahead = 0;
  #at: number;

  /** It is empty at first: nobody gets more by coming again. */
  constructor(rate: number, now: number) {
    this.#rate = rate;
    this.#at = now;
  }

  get rate(): number {
    return this.#rate;
  }

  /** Whole bytes that are taken at once at most. */
  get piece(): number {
    return Math.max(1, Math.floor((this.#rate * PIECE_MS) / 1000));
  }

  setRate(rate: number, now: number): void {
    this.#fill(now);
    this.#rate = rate;
    this.#level = Math.min(this.#level, rate === 0 ? 0 : this.#most);
    this.#ahead = Math.min(this.#ahead, this.#worth(DEBT_MS));
  }

  /** What was owed at a high rate would take very long at a low one. */
  forgive(): void {
    this.#level = Math.max(this.#level, -this.#worth(DEBT_MS));
  }

  /** Milliseconds until so many bytes can be taken; 0: now; Infinity: not at this rate. */
  waitFor(bytes: number, now: number): number {
    this.#fill(now);
    const missing = Math.min(bytes, this.#most) - this.#level;
    if (missing <= 0) return 0;
    return this.#rate === 0 ? Number.POSITIVE_INFINITY : (missing * 1000) / this.#rate;
  }

  /** Whether a small request may go ahead of those that wait. */
  mayGoAhead(bytes: number, now: number): boolean {
    this.#fill(now);
    return bytes <= this.#ahead && this.#level - bytes >= -this.#worth(DEBT_MS);
  }

  take(bytes: number, now: number, isAhead = false): void {
    this.#fill(now);
    this.#level -= bytes;
    if (isAhead) this.#ahead -= bytes;
  }

  /** Bytes that were taken and not used. */
  giveBack(bytes: number, now: number): void {
    this.#fill(now);
    this.#level = Math.min(this.#level + bytes, this.#most);
  }

  /** A piece of one byte can be more than what gathers of a very low rate. */
  get #most(): number {
    return Math.max(1, this.#worth(BURST_MS));
  }

  #worth(milliseconds: number): number {
    return (this.#rate * milliseconds) / 1000;
  }

  #fill(now: number): void {
    const gained = this.#worth(Math.max(0, now - this.#at));
    this.#at = Math.max(now, this.#at);
    if (gained === 0) return;
    this.#level = Math.min(this.#level + gained, this.#most);
    this.#ahead = Math.min(this.#ahead + gained * SMALL_SHARE, this.#worth(DEBT_MS));
  }
}
