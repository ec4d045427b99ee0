/** How often is said what goes on, in milliseconds. */
const AGAIN_MS = 60_000;

/** What happens again and again is said when it begins, and then once a minute. */
export class Seldom {
  readonly #now: () => number;
  #next = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that is not set */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether it is to be said now; the next time is a minute later. */
  isDue(): boolean {
    const now = this.#now();
    if (now < this.#next) return false;
    this.#next = now + AGAIN_MS;
    return true;
  }

  /** It is over: should it begin anew, that is said at once. */
  over(): void {
    this.#next = Number.NEGATIVE_INFINITY;
  }
}
