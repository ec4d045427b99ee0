/**
 * Buffers that are lent one at a time, in the order they are asked for. Long work asks again for each
 * piece, so that many users share a few buffers. The buffers are freed when no work is under way.
 */
export class Pieces {
  readonly #size: number;
  readonly #most: number;
  readonly #waiting: ((buffer: Buffer) => void)[] = [];
  #free: Buffer[] = [];
  #lent = 0;
  #working = 0;

  /**
   * @param size bytes of each
   * @param most how many there are
   */
  constructor(size: number, most: number) {
    this.#size = size;
    this.#most = most;
  }

  /** Keeps the buffers between one use and the next, until the function returned is called. */
  enter(): () => void {
    this.#working += 1;
    return () => {
      this.#working -= 1;
      if (this.#working === 0) this.#free = [];
    };
  }

  /** Runs `work` with a buffer, which is not its own afterwards. */
  async use<T>(work: (buffer: Buffer) => Promise<T>): Promise<T> {
    const buffer = await this.#take();
    try {
      return await work(buffer);
    } finally {
      this.#give(buffer);
    }
  }

  #take(): Buffer | Promise<Buffer> {
    if (this.#lent >= this.#most) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#lent += 1;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  #give(buffer: Buffer): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#lent -= 1;
      if (this.#working > 0) this.#free.push(buffer);
    } else next(buffer);
  }
}
