import { randomUUID } from "node:crypto";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import type { DigestStore } from "../store/digests.ts";
import type { WriteWatch } from "../vfs/watch.ts";
import type { HashedPiece, Piece, Pool, Task } from "./pool.ts";
import type { SpareTime } from "./spare.ts";
import { stateOf } from "./state.ts";
import type { DigestAlgorithm } from "./types.ts";

/** Smaller files are hashed when somebody asks: that costs less than keeping books. */
const FOLLOW_FROM = 64 * 1024;

/** Bytes hashed in one turn where time is scarce; while the upload goes on, never less. */
const STEP = 1024 * 1024;
const LONG_STEP = 4 * 1024 * 1024;

/**
 * An upload this far ahead is faster than hashing: its checksums will come after it in any case, and
 * hashing would only slow it down.
 */
const RUNAWAY = 32 * 1024 * 1024;

/** A writer that wrote nothing for so long is not held to be running away. */
const PAUSE_MS = 200;

/** Ranges that may be written behind the first gap: writes overtake each other on their way. */
const MAX_AHEAD = 16;

/** What followers share. */
export interface FollowerContext {
  readonly pool: Pool;
  readonly store: DigestStore;
  readonly spare: SpareTime;
  readonly algorithms: readonly DigestAlgorithm[];
  /** May it begin now? Not when others write to the file, or too many are followed. */
  mayBegin(inode: string): boolean;
  began(follower: Follower): void;
  /** It has no descriptor any more and will add nothing. */
  ended(follower: Follower): void;
  writerClosed(inode: string): void;
}

/**
 * Hashes a file that is written from its start to its end, behind the writer: what it reads is in
 * the page cache still. A write out of order ends it, and then nothing is remembered.
 */
export class Follower implements WriteWatch, Task {
  readonly user: number;
  readonly inode: string;
  #token: string | undefined;
  readonly #context: FollowerContext;
  readonly #writerFd: number;
  #phase: "waiting" | "following" | "over" = "waiting";
  #fd = -1;
  #claiming: Promise<void> = Promise.resolve();
  #claimed = false;
  /** the file is complete */
  #closed = false;
  /** bytes from the start that are in the file */
  #written = 0;
  /** what that was when somebody looked, and when it last had grown then (performance.now()) */
  #seen = 0;
  #seenAt = 0;
  /** what is written behind the first gap: start to end */
  readonly #ahead = new Map<number, number>();
  /** bytes hashed, by algorithm; gone when its digest is there */
  readonly #hashed = new Map<DigestAlgorithm, number>();
  readonly #digests = new Map<DigestAlgorithm, Buffer>();
  readonly #waiting = new Map<DigestAlgorithm, ((digest: Buffer | undefined) => void)[]>();
  #piece: Piece | undefined;
  /** will be asked for at the end: comes before what nobody waits for */
  #asked: DigestAlgorithm | undefined;

  /** @param writerFd open until {@link closing} was called */
  constructor(context: FollowerContext, user: number, inode: string, writerFd: number) {
    this.#context = context;
    this.user = user;
    this.inode = inode;
    this.#writerFd = writerFd;
  }

  /** names it among all processes */
  get token(): string {
    this.#token ??= randomUUID();
    return this.#token;
  }

  along(algorithm: DigestAlgorithm): void {
    this.#asked = algorithm;
  }

  wrote(position: number, length: number): void {
    if (this.#phase === "over") return;
    if (position === this.#written) this.#advance(position + length);
    else if (position > this.#written && this.#ahead.size < MAX_AHEAD) {
      this.#ahead.set(position, position + length);
    } else this.lost();
    if (this.#phase === "waiting" && this.#written > FOLLOW_FROM) this.#begin();
    else if (this.#hasWork()) this.#context.pool.wake();
  }

  resized(size: number): void {
    if (size < this.#written || this.#ahead.size > 0) this.lost();
  }

  /** Ends it: what it hashed is not, or soon no longer, what the file has. */
  lost(): void {
    const claimed = this.#claimed;
    if (this.#phase === "following") this.#end();
    this.#phase = "over";
    if (claimed) this.#context.store.release(this.inode, this.token).catch(ignore);
  }

  closing(): Promise<void> | undefined {
    this.#context.writerClosed(this.inode);
    if (this.#phase === "following") return this.#complete();
    this.#phase = "over";
    return undefined;
  }

  /** True when the file is complete, and this digest of it will come. */
  promises(algorithm: DigestAlgorithm): boolean {
    const known = this.#hashed.has(algorithm) || this.#digests.has(algorithm);
    return known && this.#closed && this.#phase === "following";
  }

  /** Comes before those nobody waits for. undefined: it will not come. */
  digest(algorithm: DigestAlgorithm): Promise<Buffer | undefined> {
    const known = this.#digests.get(algorithm);
    if (known !== undefined || !this.promises(algorithm)) return Promise.resolve(known);
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(algorithm);
      if (waiting === undefined) this.#waiting.set(algorithm, [resolve]);
      else waiting.push(resolve);
      this.#context.pool.wake();
    });
  }

  next(): Piece | undefined {
    if (!this.#hasWork()) return undefined;
    const wanted = [...this.#hashed].filter(([name, hashed]) => this.#isWanted(name, hashed));
    const grant = wanted.length > 0 ? "much" : this.#grant();
    if (grant === "none") return undefined;
    const candidates = wanted.length > 0 ? wanted : [...this.#hashed];
    const from = Math.min(...candidates.map(([, hashed]) => hashed));
    // Those that are behind catch up, so that all go on in one pass.
    const stops = candidates.flatMap(([, hashed]) => (hashed > from ? hashed : []));
    const to = Math.min(this.#written, from + (grant === "much" ? LONG_STEP : STEP), ...stops);
    const algorithms = candidates.flatMap(([name, hashed]) => (hashed === from ? name : []));
    const last = this.#closed && to === this.#written;
    this.#piece = { algorithms, blockSize: 0, fd: this.#fd, from, to, last };
    return this.#piece;
  }

  done({ ended, digests }: HashedPiece): boolean {
    const piece = this.#piece;
    this.#context.spare.stepped();
    // Another process may have removed the file: its space must not be held for long.
    if (piece === undefined || ended || fstatSync(this.#fd).nlink === 0) {
      this.lost();
      return true;
    }
    for (const [index, algorithm] of piece.algorithms.entries()) {
      const digest = digests?.[index];
      if (digest === undefined) this.#hashed.set(algorithm, piece.to);
      else this.#has(algorithm, Buffer.from(digest));
    }
    if (this.#hashed.size > 0) return false;
    this.#finish();
    return true;
  }

  failed(): void {
    this.lost();
  }

  /** Does somebody wait for it, or will, and is there something to do? */
  #isWanted(algorithm: DigestAlgorithm, hashed: number): boolean {
    if (!this.#waiting.has(algorithm) && algorithm !== this.#asked) return false;
    return this.#closed || this.#written - hashed >= STEP;
  }

  #advance(end: number): void {
    this.#written = end;
    for (let next = this.#ahead.get(end); next !== undefined; next = this.#ahead.get(next)) {
      this.#ahead.delete(this.#written);
      this.#written = next;
    }
    if (this.#ahead.size === 0) return;
    // A range that begins before this and is not continued was written twice.
    for (const start of this.#ahead.keys()) if (start < this.#written) this.lost();
  }

  #grant(): "much" | "little" | "none" {
    const { spare } = this.#context;
    return this.#runsAway() ? spare.later() : spare.grant();
  }

  /** Is the writer, who still writes, far ahead? */
  #runsAway(): boolean {
    if (this.#closed) return false;
    const now = performance.now();
    if (this.#written > this.#seen) {
      this.#seen = this.#written;
      this.#seenAt = now;
    }
    const ahead = this.#written - Math.min(...this.#hashed.values());
    return ahead > RUNAWAY && now - this.#seenAt < PAUSE_MS;
  }

  #hasWork(): boolean {
    if (!this.#claimed || this.#phase !== "following") return false;
    if (this.#closed) return this.#hashed.size > 0;
    return this.#written - Math.min(...this.#hashed.values()) >= STEP;
  }

  #begin(): void {
    const { began, mayBegin, store } = this.#context;
    const algorithms = new Set([
      ...(this.#asked ? [this.#asked] : []),
      ...this.#context.algorithms,
    ]);
    this.#phase = "over";
    if (algorithms.size === 0 || !mayBegin(this.inode)) return;
    try {
      this.#fd = openSync(`/proc/self/fd/${this.#writerFd}`, constants.O_RDONLY);
    } catch {
      // The file's permissions don't let this process read it.
      return;
    }
    for (const algorithm of algorithms) this.#hashed.set(algorithm, 0);
    this.#phase = "following";
    began(this);
    this.#claiming = this.#claim(store);
  }

  async #claim(store: DigestStore): Promise<void> {
    try {
      const granted = await store.claim(this.user, this.inode, this.token);
      this.#claimed = granted;
      if (!granted || this.#phase === "over") this.lost();
      else this.#context.pool.add(this);
    } catch {
      this.lost();
    }
  }

  async #complete(): Promise<void> {
    const { size, state } = stateOf(this.#writerFd);
    if (size !== this.#written || this.#ahead.size > 0) return this.lost();
    try {
      await this.#claiming;
      const kept = await this.#context.store.closed(this.inode, this.token, state);
      if (!kept || this.#phase === "over") return this.lost();
    } catch {
      return this.lost();
    }
    this.#closed = true;
    this.#context.pool.wake();
  }

  #has(algorithm: DigestAlgorithm, digest: Buffer): void {
    this.#hashed.delete(algorithm);
    this.#digests.set(algorithm, digest);
    for (const resolve of this.#waiting.get(algorithm) ?? []) resolve(digest);
    this.#waiting.delete(algorithm);
  }

  #finish(): void {
    const digests = Object.fromEntries(
      [...this.#digests].map(([algorithm, digest]) => [algorithm, digest.toString("hex")]),
    );
    this.#context.store.finish(this.inode, this.token, digests).catch(ignore);
    this.#phase = "over";
    this.#end();
  }

  /**
   * The thread may be about to read from the descriptor, which may be another file's by then: it
   * does nothing but read, and nobody sees what it makes of it.
   */
  #end(): void {
    this.#context.pool.remove(this);
    closeSync(this.#fd);
    this.#context.ended(this);
    for (const resolve of [...this.#waiting.values()].flat()) resolve(undefined);
    this.#waiting.clear();
  }
}

/** A row that is left behind does no harm: nobody but its follower adds to it. */
function ignore(): void {}
