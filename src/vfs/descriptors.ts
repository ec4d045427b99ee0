import { FsError } from "../errors.ts";

/** As many as one user's files and directories take at most. */
const LARGEST_SHARE = 8192;

/**
 * Keeps clients from taking all descriptors of the process: without any left nobody could log in.
 * No user gets more than half of what there is for all.
 */
export class Descriptors {
  #most = 0;
  #share = 0;
  readonly #taken = new Map<number, number>();
  #total = 0;

  /** Called when the system has none left for this process, or for all. */
  onExhausted: () => void = () => {};

  /** @param most what clients may have open, all together */
  constructor(most: number) {
    this.fit(most);
  }

  /** From now on clients may have so many; those who have more keep them. */
  fit(most: number): void {
    this.#most = most;
    this.#share = Math.min(LARGEST_SHARE, Math.max(1, Math.floor(most / 2)));
  }

  /** Looks at what a system call threw. */
  noticed(thrown: unknown): void {
    if (thrown instanceof FsError) return;
    const { code } = thrown as { code?: unknown };
    if (code === "EMFILE" || code === "ENFILE") this.onExhausted();
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

/** Of this process. A server fits it to what it may have open. */
export const descriptors = new Descriptors(LARGEST_SHARE);
