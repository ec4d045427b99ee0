/** Milliseconds of one turn of the event loop after which others come first. */
const TURN_MS = 3;

/**
 * A user's share of the event loop. Operations that need no thread complete within the turn: without
 * a limit they would keep it. All channels of a user share one, so that many channels get no more
 * than one; they take turns.
 */
export class Turn {
  /** when the turn began, while there is one */
  #start: number | undefined;
  #passingOn = false;
  readonly #waiting = new Set<() => void>();

  /** False when others come first: `resume` is called when it is this one's turn again. */
  mayGoOn(resume: () => void): boolean {
    if (this.#inTime() && (this.#waiting.size === 0 || this.#passingOn)) return true;
    this.#waiting.add(resume);
    return false;
  }

  /** It is not waited for any more. */
  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  #inTime(): boolean {
    const now = performance.now();
    if (this.#start === undefined) {
      this.#start = now;
      setImmediate(this.#next);
    }
    return now - this.#start < TURN_MS;
  }

  #next = (): void => {
    this.#start = undefined;
    this.#passingOn = true;
    try {
      for (const resume of this.#waiting) {
        if (!this.#inTime()) break;
        this.#waiting.delete(resume);
        resume();
      }
    } finally {
      this.#passingOn = false;
    }
  };
}
