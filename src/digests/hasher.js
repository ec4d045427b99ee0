// @ts-check
import { createHash } from "../hash.js";
import { PosixCrc, ZipCrc } from "./crc.js";

/** @import { DigestAlgorithm } from "./types.ts" */

/** @param {DigestAlgorithm} algorithm */
function create(algorithm) {
  if (algorithm === "crc32") return new ZipCrc();
  if (algorithm === "posix-crc") return new PosixCrc();
  return createHash(algorithm);
}

/** One digest of everything, or one of each block. */
export class Hasher {
  #algorithm;
  #blockSize;
  #hash;
  /** bytes the current block is still to get */
  #left;
  /** @type {Buffer[]} */
  #blocks = [];

  /**
   * @param {DigestAlgorithm} algorithm
   * @param {number} blockSize bytes; 0: one digest of all
   */
  constructor(algorithm, blockSize = 0) {
    this.#algorithm = algorithm;
    this.#blockSize = blockSize;
    this.#left = blockSize;
    this.#hash = create(algorithm);
  }

  /** @param {Uint8Array} data */
  update(data) {
    if (this.#blockSize === 0) {
      this.#hash.update(data);
      return;
    }
    for (let at = 0; at < data.length; ) {
      const length = Math.min(this.#left, data.length - at);
      this.#hash.update(data.subarray(at, at + length));
      at += length;
      this.#left -= length;
      if (this.#left === 0) this.#endBlock();
    }
  }

  /** The digest, or those of all blocks one behind the other. */
  digest() {
    if (this.#blockSize === 0) return this.#hash.digest();
    if (this.#left < this.#blockSize) this.#endBlock();
    return Buffer.concat(this.#blocks);
  }

  #endBlock() {
    this.#blocks.push(this.#hash.digest());
    this.#hash = create(this.#algorithm);
    this.#left = this.#blockSize;
  }
}
