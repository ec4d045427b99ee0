/** What was not used up to now may be used within so many milliseconds. */
const BURST_MS = 100;

/** A piece at most takes so much of a second. */
const PIECES_PER_SECOND = 8;
const SMALLEST_PIECE = 4 * 1024;

/** A bound on the bytes a second of all files of a job together. */
export class Pace {
  readonly #bytesPerSecond: number;
  readonly #now: () => number;
  #due = 0;

  /** @param now a steady clock in milliseconds */
  constructor(bytesPerSecond: number, now: () => number = () => performance.now()) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#now = now;
  }

  /** Milliseconds until the next piece may go; 0: now. */
  get wait(): number {
    return Math.max(0, this.#due - this.#now());
  }

  take(bytes: number): void {
    const from = Math.max(this.#due, this.#now() - BURST_MS);
    this.#due = from + (bytes / this.#bytesPerSecond) * 1000;
  }

  /** Pieces that are small enough to flow evenly. @param most the connection's, in bytes */
  piece(most: number): number {
    const even = Math.floor(this.#bytesPerSecond / PIECES_PER_SECOND);
    return Math.min(most, Math.max(SMALLEST_PIECE, even));
  }
}
