import { randomBytes } from "node:crypto";
import argon2 from "argon2";
import { tally } from "../tally.ts";
import { isUnambiguous } from "../text/utf8.ts";
import { HashLine, NotWanted, type Origin } from "./hash-line.ts";

export { HashQueueFull, NotWanted } from "./hash-line.ts";

/** How passwords are hashed; the fields of the `auth` settings. */
export interface PasswordOptions {
  /** bytes */
  readonly argon2Memory: number;
  readonly argon2Time: number;
  readonly argon2Parallelism: number;
  /** hashes computed at once; further ones wait */
  readonly hashConcurrency: number;
  /** how many may wait; more are refused */
  readonly hashQueue: number;
  /** the same for one asker; default: as many as in all */
  readonly hashQueuePerAddress?: number;
}

/** Who wants a password checked. */
export interface Asker extends Origin {
  /** Asked when the turn comes: false when the answer is of no use any more. */
  wanted?(): boolean | Promise<boolean>;
}

export const DEFAULT_PASSWORD_OPTIONS: PasswordOptions = {
  argon2Memory: 64 * 1024 * 1024,
  argon2Time: 3,
  argon2Parallelism: 1,
  hashConcurrency: 2,
  hashQueue: 128,
};

/** Longer passwords are never hashed: they count as wrong. */
export const MAX_PASSWORD_BYTES = 1024;

export const NOT_UTF8 =
  "the password is not UTF-8: set the terminal (or the file it comes from) to UTF-8, or take other characters";

/**
 * Why no account can have this password, as one line that does not quote it; undefined when one can.
 * Such a password is never hashed and never right: passwords are compared byte by byte, and text
 * that stands for several strings of bytes would let in whoever knows any of them.
 */
export function impossiblePassword(password: string): string | undefined {
  if (password === "") return "the password is empty";
  if (Buffer.byteLength(password) > MAX_PASSWORD_BYTES) {
    return `the password is longer than ${MAX_PASSWORD_BYTES} bytes`;
  }
  if (!isUnambiguous(password)) return NOT_UTF8;
  return undefined;
}

/** A new password that can't be taken: the message says why. */
export class PasswordError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "PasswordError";
  }
}

/** The server's own work, and that of commands. */
const SELF: Asker = { source: "" };

/** Memory in KiB, as argon2 counts it (RFC 9106 section 3.1). */
interface Cost {
  readonly m: number;
  readonly t: number;
  readonly p: number;
}

/** The package writes m, p, t; the reference implementation m, t, p: both are read. */
const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,8}),(?:t=(\d{1,4}),p=(\d{1,3})|p=(\d{1,3}),t=(\d{1,4}))\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** The cost a stored hash names; undefined for anything but a well-formed argon2id PHC string. */
function costOf(hash: string): Cost | undefined {
  const match = PHC.exec(hash);
  if (match === null) return undefined;
  const [, m, t, p, pFirst, tSecond] = match;
  return { m: Number(m), t: Number(t ?? tSecond), p: Number(p ?? pFirst) };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

/**
 * argon2id (RFC 9106) with at most `hashConcurrency` hashes computed at once, so that a flood of
 * logins costs bounded memory and leaves threads to the file transfers.
 */
export class Passwords {
  readonly #cost: Cost;
  /** What a stored hash may make the server spend at most. */
  readonly #limit: Cost;
  /** Costs the same as a real one, and nothing matches it. */
  readonly #dummy: string;
  readonly #concurrency: number;
  readonly #line: HashLine;
  #running = 0;

  constructor(options: PasswordOptions = DEFAULT_PASSWORD_OPTIONS) {
    const m = Math.floor(options.argon2Memory / 1024);
    const cost = { m, t: options.argon2Time, p: options.argon2Parallelism };
    this.#cost = cost;
    this.#limit = {
      m: Math.max(m, 256 * 1024),
      t: Math.max(cost.t, 16),
      p: Math.max(cost.p, 16),
    };
    const salt = unpadded(randomBytes(SALT_BYTES));
    const hash = unpadded(randomBytes(HASH_BYTES));
    this.#dummy = `$argon2id$v=19$m=${m},t=${cost.t},p=${cost.p}$${salt}$${hash}`;
    this.#concurrency = options.hashConcurrency;
    const { hashQueue, hashQueuePerAddress = hashQueue } = options;
    this.#line = new HashLine(hashQueue, hashQueuePerAddress);
  }

  /** The PHC string of a new password. Rejects with {@link PasswordError} or HashQueueFull. */
  async hash(password: string): Promise<string> {
    const problem = impossiblePassword(password);
    if (problem !== undefined) throw new PasswordError(problem);
    const { m, t, p } = this.#cost;
    return this.#inTurn(SELF, () =>
      argon2.hash(password, {
        type: argon2.argon2id,
        memoryCost: m,
        timeCost: t,
        parallelism: p,
        hashLength: HASH_BYTES,
      }),
    );
  }

  /**
   * True when `hash` is of `password`. Without a usable hash (null, damaged, of a cost out of all
   * proportion) or with a password that no account can have it does the same work and is false.
   * Rejects with HashQueueFull, or with NotWanted when the asker said so.
   */
  async verify(hash: string | null, password: string, asker: Asker = SELF): Promise<boolean> {
    const usable = hash !== null && this.#isUsable(hash);
    const possible = impossiblePassword(password) === undefined;
    const matches = await this.#inTurn(asker, () =>
      argon2.verify(usable ? hash : this.#dummy, possible ? password : ""),
    );
    return matches && usable && possible;
  }

  /** True when `hash` was made with other parameters than the ones set now. */
  needsRehash(hash: string): boolean {
    const cost = costOf(hash);
    if (cost === undefined) return false;
    return cost.m !== this.#cost.m || cost.t !== this.#cost.t || cost.p !== this.#cost.p;
  }

  #isUsable(hash: string): boolean {
    const cost = costOf(hash);
    if (cost === undefined) return false;
    const { m, t, p } = this.#limit;
    // RFC 9106 section 3.1: at least 8 KiB a lane.
    const possible = cost.p >= 1 && cost.t >= 1 && cost.m >= 8 * cost.p;
    return possible && cost.m <= m && cost.t <= t && cost.p <= p;
  }

  async #wait(asker: Asker): Promise<void> {
    tally.level("queue passwords", 1);
    try {
      await this.#line.wait(asker);
    } finally {
      tally.level("queue passwords", -1);
    }
  }

  /** Runs `work` when one of the places is free. */
  async #inTurn<T>(asker: Asker, work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#concurrency) await this.#wait(asker);
    else this.#running += 1;
    try {
      if ((await asker.wanted?.()) === false) throw new NotWanted();
      return await work();
    } finally {
      // The place is handed on, so that nobody can slip in between.
      if (!this.#line.next()) this.#running -= 1;
    }
  }
}
