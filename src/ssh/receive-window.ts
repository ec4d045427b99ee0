import type { UserMemory } from "../memory/budget.ts";

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

/** A new channel, of which there may be many that never send anything, takes at most this part. */
const FIRST_STEP = 1 / 64;

/** Every request must fit in, in bytes: the largest has 256 KiB, and some its header besides. */
export const SMALLEST_WINDOW = 288 * 1024;

/**
 * While data comes in, a window adjust goes out as often as this, in bytes, and carries TCP's
 * acknowledgement with it. OpenSSH's client leaves Nagle's algorithm on for sftp: without, it waits
 * for delayed acknowledgements and uploads at half the speed.
 */
const PACE = 96 * 1024;

/** How large a window may grow on a line with this round trip, in milliseconds. */
export function largestWindow(roundTrip: number): number {
  const onTheWay = Math.ceil(roundTrip * LINE_SPEED);
  return Math.max(SHORT_LINE_WINDOW, Math.min(LARGEST_WINDOW, onTheWay));
}

export interface WindowOptions {
  /** what the peer was granted with the channel, in bytes; already taken from the memory */
  readonly initial: number;
  /** as far as it may grow, in bytes */
  readonly largest: number;
  /** how often an adjust goes out while data comes in, in bytes; as stock clients like it */
  readonly pace?: number;
}

/**
 * What a new channel is granted, taken from the memory; undefined when it may not be opened.
 * @param isFirst the session has no other, and gets one in any case
 */
export function takeFirstWindow(memory: UserMemory, isFirst: boolean): number | undefined {
  const share = Math.floor(memory.left * FIRST_STEP);
  const window = Math.max(SMALLEST_WINDOW, Math.min(INITIAL_WINDOW, share));
  if (memory.take(window)) return window;
  if (!isFirst) return undefined;
  memory.force(SMALLEST_WINDOW);
  return SMALLEST_WINDOW;
}

/**
 * The receive window of one channel (RFC 4254 section 5.2): how much the peer may still send. Credit
 * comes back only for what was consumed, so a channel never holds more than its limit in memory.
 */
export class ReceiveWindow {
  readonly #memory: UserMemory;
  readonly #grant: (bytes: number) => void;
  readonly #largest: number;
  readonly #pace: number;
  #limit: number;
  /** what the peer may still send */
  #open: number;
  /** received and not consumed yet */
  #held = 0;
  /** consumed and not granted again yet */
  #credit = 0;
  #sinceGrowth = 0;
  #sinceGrant = 0;
  #begun = false;
  #closed = false;

  /**
   * @param memory what the window may grow by is taken from there, and all of it given back
   * @param grant sends the peer a window adjust
   */
  constructor(memory: UserMemory, grant: (bytes: number) => void, options: WindowOptions) {
    this.#memory = memory;
    this.#grant = grant;
    this.#limit = options.initial;
    this.#open = options.initial;
    this.#largest = options.largest;
    this.#pace = options.pace ?? PACE;
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
    return Math.floor(this.#memory.left * LARGEST_STEP);
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
    if (bytes <= 0 || bytes > this.#mayTake || !this.#memory.take(bytes)) return false;
    this.#limit += bytes;
    this.#credit += bytes;
    return true;
  }

  /** Gives its memory back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#memory.give(this.#limit);
  }
}
