/** What ssh2 grants with every channel (MAX_WINDOW in its lib/Channel.js). */
export const INITIAL_WINDOW = 2 * 1024 * 1024;

/**
 * As far as a channel that carries bulk data may grow. On a short line more than this is slower:
 * what the client sends ahead overflows the kernel's receive buffer, which then spends the client's
 * CPU on compacting it (put over loopback with 16 MiB: half the speed, six times the client's CPU).
 */
const SHORT_LINE_WINDOW = 4 * 1024 * 1024;
export const LARGEST_WINDOW = 64 * 1024 * 1024;

/** What one connection may carry at most while its window is the limit, in bytes a millisecond. */
const LINE_SPEED = 640 * 1000;

/** A channel that has received so much carries bulk data, in bytes. */
const BULK = 256 * 1024;

/** On a long line every doubling takes a round trip, so bulk data begins with this part of it all. */
const FIRST_PART = 1 / 4;

/** One adjust may give back this part of the window. */
const GRANTED_PART = 1 / 64;

/** A channel takes at most this part of what is left: those that come later find something, too. */
const LARGEST_STEP = 1 / 4;

/**
 * While data comes in, a window adjust goes out as often as this, in bytes, and carries TCP's
 * acknowledgement with it. OpenSSH's client leaves Nagle's algorithm on for sftp: without, it waits
 * for delayed acknowledgements and uploads at half the speed.
 */
const PACE = 96 * 1024;

/** What the windows of all channels of the process may take beyond INITIAL_WINDOW, in bytes. */
export const WINDOW_BUDGET = 256 * 1024 * 1024;

/** How large a window may grow on a line with this round trip, in milliseconds. */
export function largestWindow(roundTrip: number): number {
  const onTheWay = Math.ceil(roundTrip * LINE_SPEED);
  return Math.max(SHORT_LINE_WINDOW, Math.min(LARGEST_WINDOW, onTheWay));
}

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
  readonly #largest: number;
  readonly #pace: number;
  #limit = INITIAL_WINDOW;
  /** what the peer may still send */
  #open = INITIAL_WINDOW;
  /** received and not consumed yet */
  #held = 0;
  /** consumed and not granted again yet */
  #credit = 0;
  #sinceGrowth = 0;
  #sinceGrant = 0;
  #begun = false;
  #closed = false;

  /**
   * @param grant sends the peer a window adjust
   * @param largest as far as it may grow, in bytes
   * @param pace how often an adjust goes out while data comes in, in bytes
   */
  constructor(budget: Budget, grant: (bytes: number) => void, largest: number, pace = PACE) {
    this.#budget = budget;
    this.#grant = grant;
    this.#largest = largest;
    this.#pace = pace;
  }

  get limit(): number {
    return this.#limit;
  }

  /** False when the peer sent more than it was allowed to. */
  received(bytes: number): boolean {
    this.#open -= bytes;
    this.#held += bytes;
    this.#sinceGrowth += bytes;
    this.#sinceGrant += bytes;
    if (!this.#begun && this.#sinceGrowth >= BULK) this.#begin();
    if (this.#sinceGrant >= this.#pace) {
      // On a long line what is held back is missing from the window for as long as it is not full.
      const most = Math.max(this.#sinceGrant, this.#limit * GRANTED_PART);
      this.#send(Math.min(this.#credit, Math.floor(most)));
    }
    return this.#open >= 0;
  }

  /** What was consumed is granted again, little by little while more comes in. */
  consumed(bytes: number): void {
    if (this.#closed) return;
    const freed = Math.min(bytes, this.#held);
    this.#held -= freed;
    this.#credit += freed;
    this.#grow();
    if (this.#open < this.#limit / 2) this.#send(this.#credit);
  }

  get #mayTake(): number {
    return Math.floor(this.#budget.left * LARGEST_STEP);
  }

  #begin(): void {
    this.#begun = true;
    const wanted = Math.floor(this.#largest * FIRST_PART) - this.#limit;
    if (this.#widen(Math.min(wanted, this.#mayTake))) this.#send(this.#credit);
  }

  #send(bytes: number): void {
    if (bytes <= 0) return;
    this.#sinceGrant = 0;
    this.#credit -= bytes;
    this.#open += bytes;
    this.#grant(bytes);
  }

  /** Doubles the window after a full one was received, while the consumer keeps up. */
  #grow(): void {
    if (this.#sinceGrowth < this.#limit || this.#held > this.#limit / 2) return;
    if (this.#widen(Math.min(this.#limit, this.#largest - this.#limit))) this.#sinceGrowth = 0;
  }

  #widen(bytes: number): boolean {
    if (bytes <= 0 || bytes > this.#mayTake || !this.#budget.take(bytes)) return false;
    this.#limit += bytes;
    this.#credit += bytes;
    return true;
  }

  /** Gives back what it took from the budget. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#budget.give(this.#limit - INITIAL_WINDOW);
  }
}
