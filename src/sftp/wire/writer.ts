import type { ByteString } from "../../vfs/path.ts";

/** Builds one frame: length, type, then the fields in the order they are added. */
export class Writer {
  #buffer: Buffer;
  #at = 5;

  /** @param sizeHint bytes to start with; the buffer grows when needed */
  constructor(type: number, sizeHint = 128) {
    this.#buffer = Buffer.allocUnsafe(sizeHint);
    this.#buffer[4] = type;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#buffer.writeUInt32BE(value, at);
    return this;
  }

  /** @param value a safe integer ≥ 0, or a bigint below 2^64 */
  u64(value: number | bigint): this {
    const at = this.#grow(8);
    if (typeof value === "bigint") this.#buffer.writeBigUInt64BE(value, at);
    else {
      this.#buffer.writeUInt32BE(Math.floor(value / 0x100000000), at);
      this.#buffer.writeUInt32BE(value >>> 0, at + 4);
    }
    return this;
  }

  /** A string of bytes, one char each. */
  bytes(value: ByteString): this {
    this.u32(value.length);
    const at = this.#grow(value.length);
    this.#buffer.write(value, at, "latin1");
    return this;
  }

  string(value: Buffer): this {
    this.u32(value.length);
    const at = this.#grow(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** Bytes as they are, without their length. */
  raw(value: Buffer): this {
    const at = this.#grow(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** A string of UTF-8 text of our own. */
  text(value: string): this {
    return this.string(Buffer.from(value, "utf8"));
  }

  /** The whole frame, length filled in. The writer must not be used any more. */
  finish(): Buffer {
    this.#buffer.writeUInt32BE(this.#at - 4, 0);
    return this.#buffer.subarray(0, this.#at);
  }

  #grow(length: number): number {
    const at = this.#at;
    this.#at = at + length;
    if (this.#at > this.#buffer.length) {
      const bigger = Buffer.allocUnsafe(Math.max(this.#at, this.#buffer.length * 2));
      bigger.set(this.#buffer.subarray(0, at));
      this.#buffer = bigger;
    }
    return at;
  }
}
