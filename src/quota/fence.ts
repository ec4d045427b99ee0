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
    if (!this.#life.mayWrite) this.#late.add(userId);
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

  /** The homes in which something ended too late. */
  get late(): readonly number[] {
    return [...this.#late];
  }
}
