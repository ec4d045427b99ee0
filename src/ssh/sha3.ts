/**
 * SHA-3 and SHAKE (FIPS 202) of Node's crypto, with the calls that @noble/post-quantum makes of
 * @noble/hashes. The client's program has it instead: three quarters of what its only key exchange took
 * in JavaScript that runs for the first time were these hashes.
 */
import { createHash } from "node:crypto";

/** The first output of a SHAKE whose length is not known, in blocks: what ML-KEM mostly takes. */
const FIRST_BLOCKS = 3;

interface Kind {
  readonly name: "sha3-256" | "sha3-512" | "shake128" | "shake256";
  /** bytes that are taken in, or given out, at once */
  readonly blockLen: number;
  /** bytes, where nothing else is said */
  readonly outputLen: number;
  readonly isShake: boolean;
}

interface Options {
  /** bytes of output */
  readonly dkLen?: number;
}

class Sponge {
  readonly #kind: Kind;
  readonly #length: number;
  readonly #pieces: Uint8Array[] = [];
  #output: Buffer = Buffer.alloc(0);
  #given = 0;

  constructor(kind: Kind, { dkLen }: Options = {}) {
    this.#kind = kind;
    this.#length = dkLen ?? kind.outputLen;
  }

  update(data: Uint8Array): this {
    this.#pieces.push(Uint8Array.prototype.slice.call(data));
    return this;
  }

  digest(): Uint8Array {
    const digest = this.#hash(this.#length);
    this.destroy();
    return digest;
  }

  /** The next bytes of an output without end. */
  xofInto(out: Uint8Array): Uint8Array {
    if (!this.#kind.isShake) throw new Error(`${this.#kind.name} has one output`);
    const end = this.#given + out.length;
    // An output begins as a shorter one of the same input does.
    if (end > this.#output.length) {
      const first = FIRST_BLOCKS * this.#kind.blockLen;
      this.#output = this.#hash(Math.max(first, 2 * end));
    }
    out.set(this.#output.subarray(this.#given, end));
    this.#given = end;
    return out;
  }

  destroy(): void {
    for (const piece of this.#pieces.splice(0)) piece.fill(0);
    this.#output.fill(0);
  }

  #hash(length: number): Buffer {
    const { name, isShake } = this.#kind;
    const hash = createHash(name, isShake ? { outputLength: length } : {});
    for (const piece of this.#pieces) hash.update(piece);
    return hash.digest();
  }
}

function hasher(kind: Kind) {
  const create = (options?: Options) => new Sponge(kind, options);
  const hash = (data: Uint8Array, options?: Options) => create(options).update(data).digest();
  return Object.assign(hash, { create, blockLen: kind.blockLen, outputLen: kind.outputLen });
}

export const sha3_256 = hasher({ name: "sha3-256", blockLen: 136, outputLen: 32, isShake: false });
export const sha3_512 = hasher({ name: "sha3-512", blockLen: 72, outputLen: 64, isShake: false });
export const shake128 = hasher({ name: "shake128", blockLen: 168, outputLen: 16, isShake: true });
export const shake256 = hasher({ name: "shake256", blockLen: 136, outputLen: 32, isShake: true });
