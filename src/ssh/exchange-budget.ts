import { HYBRID_KEX } from "./algorithms.ts";

/** What a client may spend on key exchanges at once. */
const BURST = 48;

/**
 * What it earns one more with, in bytes. OpenSSH's client asks for keys more often than its RekeyLimit
 * says: behind each packet of 32 KiB at 256K, every 2,300 bytes at 16K.
 */
const BYTES_PER_EXCHANGE = 1024;

/** After so long the next is free: OpenSSH's client asks once a second at most, with "default 1". */
const FREE_AFTER_MS = 500;

/** These take a quarter of a millisecond, the hybrid in JavaScript three quarters; the others up to 25. */
const QUICK: ReadonlySet<string> = new Set([
  HYBRID_KEX,
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
]);
const COST_OF_OTHERS = 16;

/**
 * How many key exchanges a client may still start. Each costs the server time; a client that moves
 * data or lets time pass has a reason for them.
 */
export class ExchangeBudget {
  readonly #now: () => number;
  #left = BURST;
  #last = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that doesn't go back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Bytes were moved, those of key exchanges not among them. */
  earn(bytes: number): void {
    this.#left = Math.min(BURST, this.#left + bytes / BYTES_PER_EXCHANGE);
  }

  /** The client asks for one. False when it has had too many. */
  get allowsOne(): boolean {
    return this.#left > 0 || this.#isFree;
  }

  /** The client had one. @param method its name (RFC 4253 section 8) */
  spend(method: string): void {
    if (!this.#isFree) this.#left -= QUICK.has(method) ? 1 : COST_OF_OTHERS;
    this.#last = this.#now();
  }

  get #isFree(): boolean {
    return this.#now() - this.#last >= FREE_AFTER_MS;
  }
}
