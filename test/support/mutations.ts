/** Numbers that lengths, counts and types are compared with. */
const EDGES = [
  0, 1, 4, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x40000, 0x7fffffff, 0xfffffffe, 0xffffffff,
];

const MAX_CHANGES = 4;

/**
 * Messages that are nearly right: each a sample with a few bytes changed, cut out, doubled, put in, or
 * replaced by a number at an edge. The same seed makes the same ones.
 */
export class Mutations {
  readonly #samples: readonly Buffer[];
  #state: number;

  constructor(samples: readonly Buffer[], seed: number) {
    this.#samples = samples;
    this.#state = seed >>> 0 || 1;
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    // Marsaglia's xorshift.
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  next(): Buffer {
    let message: Buffer = Buffer.from(this.#samples[this.below(this.#samples.length)] as Buffer);
    for (let left = this.below(MAX_CHANGES + 1); left > 0; left -= 1)
      message = this.#changed(message);
    return message;
  }

  #changed(message: Buffer): Buffer {
    if (message.length === 0) return Buffer.from([this.below(256)]);
    const at = this.below(message.length);
    switch (this.below(7)) {
      case 0:
        message[at] = this.below(256);
        return message;
      case 1:
        message[at] = (message[at] as number) ^ (1 << this.below(8));
        return message;
      case 2:
        return message.subarray(0, at);
      case 3:
        return Buffer.concat([message.subarray(0, at), message.subarray(at + 1 + this.below(8))]);
      case 4: {
        const piece = message.subarray(at, at + 1 + this.below(16));
        return Buffer.concat([message.subarray(0, at), piece, message.subarray(at)]);
      }
      case 5: {
        const other = this.#samples[this.below(this.#samples.length)] as Buffer;
        return Buffer.concat([message.subarray(0, at), other.subarray(this.below(other.length))]);
      }
      default:
        if (message.length < 4) return message;
        message.writeUInt32BE(
          EDGES[this.below(EDGES.length)] as number,
          this.below(message.length - 3),
        );
        return message;
    }
  }
}
