import { readFileSync } from "node:fs";
import { FsError } from "../errors.ts";

/** Descriptors kept for connections, the database and the walking of paths, where there are enough. */
const KEPT = 1024;

/** As many as one user's files and directories take at most. */
const LARGEST_SHARE = 8192;

/**
 * Keeps clients from taking all descriptors of the process: without any left nobody could log in.
 * No user gets more than half of what there is for all.
 */
export class Descriptors {
  readonly #most: number;
  readonly #share: number;
  readonly #taken = new Map<number, number>();
  #total = 0;

  /** @param limit what the process may have open */
  constructor(limit: number) {
    this.#most = Math.max(Math.floor(limit / 2), limit - KEPT);
    this.#share = Math.min(LARGEST_SHARE, Math.floor(this.#most / 2));
  }

  /** @throws FsError EMFILE when the user may not take `count` more */
  check(userId: number, count: number): void {
    const after = (this.#taken.get(userId) ?? 0) + count;
    if (after > this.#share || this.#total + count > this.#most) throw new FsError("EMFILE");
  }

  take(userId: number, count: number): void {
    this.#total += count;
    this.#taken.set(userId, (this.#taken.get(userId) ?? 0) + count);
  }

  give(userId: number, count: number): void {
    this.#total -= count;
    const left = (this.#taken.get(userId) ?? 0) - count;
    if (left > 0) this.#taken.set(userId, left);
    else this.#taken.delete(userId);
  }
}

/** RLIMIT_NOFILE, which Node raises to its hard limit when it starts (getrlimit(2), proc(5)). */
function processLimit(): number {
  const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"));
  return line === null ? Number.MAX_SAFE_INTEGER : Number(line[1]);
}

export const descriptors = new Descriptors(processLimit());
