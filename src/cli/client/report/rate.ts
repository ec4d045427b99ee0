/** What the rate is taken over. */
const WINDOW_MS = 5000;
/** Between two samples at least: a window is a few dozen of them. */
const STEP_MS = 200;

interface Sample {
  readonly at: number;
  readonly bytes: number;
}

/** Bytes a second over the last seconds. Times in ms of any steady clock. */
export class Rate {
  readonly #samples: Sample[];

  /** @param bytes there when it began: they don't count */
  constructor(at: number, bytes = 0) {
    this.#samples = [{ at, bytes }];
  }

  add(at: number, bytes: number): void {
    const last = this.#samples.at(-1) as Sample;
    // The newest one moves on until it is a step away from the one before it.
    const before = this.#samples.at(-2);
    if (before !== undefined && at - before.at < STEP_MS) this.#samples.pop();
    if (bytes < last.bytes) {
      // Started over: what was counted says nothing any more.
      this.#samples.length = 0;
    }
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[1] as Sample).at >= WINDOW_MS) {
      this.#samples.shift();
    }
  }

  /** undefined until there is something to divide by */
  perSecond(now: number): number | undefined {
    const from = this.#samples.findLast(({ at }) => now - at >= WINDOW_MS) ?? this.#samples[0];
    const last = this.#samples.at(-1);
    if (from === undefined || last === undefined) return undefined;
    const elapsed = now - from.at;
    if (elapsed < STEP_MS) return undefined;
    return ((last.bytes - from.bytes) / elapsed) * 1000;
  }
}
