/** Key exchanges a client may start at once. */
const BURST = 32;

/**
 * One more for each so many bytes between them. OpenSSH's client with the smallest RekeyLimit that is
 * of any use, 16K, asks for one every 16 to 32 KiB.
 */
const BYTES_PER_EXCHANGE = 8 * 1024;

/** And for each so long: OpenSSH's client asks once a second at most (RekeyLimit "default 1"). */
const MS_PER_EXCHANGE = 500;

/**
 * How many key exchanges a client may still start: each costs the server some milliseconds, and a
 * client that moves data or lets time pass has a reason for them.
 */
export class ExchangeBudget {
  readonly #now: () => number;
  #left = BURST;
  #filledAt: number;

  /** @param now milliseconds of a clock that doesn't go back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#filledAt = now();
  }

  /** Bytes were moved, those of key exchanges not among them. */
  earn(bytes: number): void {
    this.#left = Math.min(BURST, this.#left + bytes / BYTES_PER_EXCHANGE);
  }

  /** The client starts one. False when it has asked for too many. */
  spend(): boolean {
    const now = this.#now();
    this.#left = Math.min(BURST, this.#left + (now - this.#filledAt) / MS_PER_EXCHANGE) - 1;
    this.#filledAt = now;
    return this.#left >= 0;
  }
}
