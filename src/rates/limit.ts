import { Bucket } from "./bucket.ts";

/** What somebody did with a limit since the last look. */
export interface Use {
  readonly bytes: number;
  /** somebody had to wait for it */
  readonly isShort: boolean;
  /** how many sessions moved or wanted something */
  readonly lanes: number;
}

/** A rate that is set, of a user or of the server, and the part of it that this process may use. */
export class Limit {
  /** bytes a second, over all processes of the server */
  rate: number;
  readonly bucket: Bucket;
  readonly #onShort: (limit: Limit) => void;
  #bytes = 0;
  #isShort = false;
  readonly #lanes = new Set<object>();

  /** @param onShort called when somebody waits and this process has no part of the rate */
  constructor(rate: number, share: number, now: number, onShort: (limit: Limit) => void) {
    this.rate = rate;
    this.bucket = new Bucket(share, now);
    this.#onShort = onShort;
  }

  took(bytes: number, lane: object): void {
    this.#bytes += bytes;
    this.#lanes.add(lane);
  }

  short(lane: object): void {
    const isFirst = !this.#isShort;
    this.#isShort = true;
    this.#lanes.add(lane);
    if (isFirst && this.bucket.rate === 0) this.#onShort(this);
  }

  left(lane: object): void {
    this.#lanes.delete(lane);
  }

  /** What was done since the last call. */
  use(): Use {
    const use = { bytes: this.#bytes, isShort: this.#isShort, lanes: this.#lanes.size };
    this.#bytes = 0;
    this.#isShort = false;
    this.#lanes.clear();
    return use;
  }
}
