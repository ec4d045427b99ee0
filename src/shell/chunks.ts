import { compact } from "../channel.ts";

/** Smaller chunks that wait are put together, so that a flood of tiny ones costs little more. */
const SMALL = 2048;
const PACK = 16 * 1024;

/** Received bytes that nobody has taken yet. Each costs about a byte, however small the pieces were. */
export class Chunks {
  #chunks: Buffer[] = [];
  /** the last chunk is the first `#packed` bytes of this one */
  #pack: Buffer | undefined;
  #packed = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  push(data: Buffer): void {
    if (data.length === 0) return;
    if (data.length >= SMALL || this.isEmpty) {
      this.#pack = undefined;
      this.#chunks.push(compact(data));
    } else this.#pushSmall(data);
  }

  shift(): Buffer | undefined {
    const chunk = this.#chunks.shift();
    if (this.isEmpty) this.#pack = undefined;
    return chunk;
  }

  /** Removes all of them. */
  takeAll(): Buffer[] {
    this.#pack = undefined;
    return this.#chunks.splice(0);
  }

  #pushSmall(data: Buffer): void {
    if (this.#pack === undefined || this.#packed + data.length > PACK) {
      this.#pack = Buffer.allocUnsafeSlow(PACK);
      this.#packed = 0;
      this.#chunks.push(this.#pack);
    }
    this.#packed += data.copy(this.#pack, this.#packed);
    this.#chunks[this.#chunks.length - 1] = this.#pack.subarray(0, this.#packed);
  }
}
