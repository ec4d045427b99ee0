/** What ssh2 grants with every channel (MAX_WINDOW in its lib/Channel.js). */
export const INITIAL_WINDOW = 2 * 1024 * 1024;

/** As far as a channel that carries bulk data may grow: 16 MiB carry 160 MB/s over 100 ms. */
export const LARGEST_WINDOW = 16 * 1024 * 1024;

/** What the windows of all channels of the process may take beyond INITIAL_WINDOW, in bytes. */
export const WINDOW_BUDGET = 256 * 1024 * 1024;

/** A number of bytes shared by many takers. */
export class Budget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get left(): number {
    return this.#left;
  }

  /** All of `bytes` or nothing. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/**
 * The receive window of one channel (RFC 4254 section 5.2): how much the peer may still send. Credit
 * comes back only for what was consumed, so a channel never holds more than its limit in memory.
 */
export class ReceiveWindow {
  readonly #budget: Budget;
  readonly #grant: (bytes: number) => void;
  #limit = INITIAL_WINDOW;
  /** what the peer may still send */
  #open = INITIAL_WINDOW;
  /** received and not consumed yet */
  #held = 0;
  /** consumed and not granted again yet */
  #credit = 0;
  #sinceGrowth = 0;
  #closed = false;

  /** @param grant sends the peer a window adjust */
  constructor(budget: Budget, grant: (bytes: number) => void) {
    this.#budget = budget;
    this.#grant = grant;
  }

  get limit(): number {
    return this.#limit;
  }

  /** False when the peer sent more than it was allowed to. */
  received(bytes: number): boolean {
    this.#open -= bytes;
    this.#held += bytes;
    this.#sinceGrowth += bytes;
    return this.#open >= 0;
  }

  /** Grants again what was consumed, a quarter of the window at a time. */
  consumed(bytes: number): void {
    if (this.#closed) return;
    const freed = Math.min(bytes, this.#held);
    this.#held -= freed;
    this.#credit += freed;
    if (this.#credit < this.#limit / 4) return;
    this.#grow();
    const credit = this.#credit;
    this.#credit = 0;
    this.#open += credit;
    this.#grant(credit);
  }

  /** Doubles the window after a full one was received, while the consumer keeps up. */
  #grow(): void {
    if (this.#sinceGrowth < this.#limit || this.#held > this.#limit / 2) return;
    const more = Math.min(this.#limit, LARGEST_WINDOW - this.#limit);
    if (more <= 0 || !this.#budget.take(more)) return;
    this.#limit += more;
    this.#credit += more;
    this.#sinceGrowth = 0;
  }

  /** Gives back what it took from the budget. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#budget.give(this.#limit - INITIAL_WINDOW);
  }
}
