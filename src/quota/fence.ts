import type { FsError } from "../errors.ts";
import { type Life, lostTouch } from "../store/life.ts";

/**
 * What keeps this process from writing once others may take over its homes. Each change asks just
 * before it is made. One that was handed to the disk before, and ended after, is remembered: the one
 * who counted that home may have been there first.
 */
export class Fence {
  readonly #life: Life;
  readonly #late = new Set<number>();

  constructor(life: Life) {
    this.#life = life;
  }

  /** Nothing may be written any more. */
  get isClosed(): boolean {
    return !this.#life.mayWrite;
  }

  /** What is said then. */
  get refusal(): FsError {
    return lostTouch();
  }

  /** @throws FsError EIO when nothing may be written any more */
  check(): void {
    this.#life.check();
  }

  /** A change of that home, which was begun when it might be, has ended. */
  ended(userId: number): void {
    if (!this.#life.mayWrite) this.miss(userId);
  }

  /** Something was done in that home that may be in no book. */
  miss(userId: number): void {
    if (this.#life.options !== undefined) this.#late.add(userId);
  }

  /** It was counted again. */
  counted(userId: number): void {
    this.#late.delete(userId);
  }

  /** The same act; it throws when it may not be done any more. */
  guard<T>(userId: number, act: () => T): () => T {
    if (this.#life.options === undefined) return act;
    return () => {
      this.#life.check();
      try {
        return act();
      } finally {
        this.ended(userId);
      }
    };
  }

  /** The homes that have to be counted for it. */
  get late(): readonly number[] {
    return [...this.#late];
  }
}
