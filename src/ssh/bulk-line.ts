/** Somebody with much to move, who waits for a turn of the event loop. */
export interface Mover {
  /** Bytes that may be moved in one turn of the loop, by all together. */
  quantum(): number;
  /**
   * Moves what it can. One that has more to move joins the line again, behind the others.
   * @param most bytes after which it is others' turn; more than 0
   * @returns bytes moved
   */
  move(most: number): number;
  /** It is not this one's turn yet: lets go of what must not wait for it. */
  pass(): void;
}

/**
 * Where connections stand that move bulk. All of them together move one quantum in a turn of the
 * event loop, however many they are: between two turns the loop looks who else wants something.
 */
export class BulkLine {
  readonly #waiting = new Set<Mover>();
  #isScheduled = false;

  /** `move` is called when it is its turn. Who stands in the line already keeps the place. */
  join(mover: Mover): void {
    this.#waiting.add(mover);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  leave(mover: Mover): void {
    this.#waiting.delete(mover);
  }

  has(mover: Mover): boolean {
    return this.#waiting.has(mover);
  }

  #turn = (): void => {
    this.#isScheduled = false;
    let moved = 0;
    for (const mover of [...this.#waiting]) {
      const most = mover.quantum() - moved;
      if (most > 0) {
        this.#waiting.delete(mover);
        moved += mover.move(most);
      } else mover.pass();
    }
    const [first] = this.#waiting;
    if (first !== undefined) this.join(first);
  };
}

/** Those who have bulk to send, of all connections of the process. */
export const sendingLine = new BulkLine();

/** Those who have read their quantum. */
export const readingLine = new BulkLine();
