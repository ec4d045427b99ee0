import { FsError } from "../../errors.ts";
import { type ByteString, bytes, MAX_PATH_BYTES } from "../../vfs/path.ts";

/** A request whose fields do not fit its frame: answered with BAD_MESSAGE. */
export class MalformedError extends Error {
  constructor() {
    super("the request is shorter than its fields say");
    this.name = "MalformedError";
  }
}

/** Two halves of a uint64 as a number; Infinity from 2^53 on, which no file reaches. */
export function joinU64(high: number, low: number): number {
  return high >= 0x200000 ? Number.POSITIVE_INFINITY : high * 0x100000000 + low;
}

/** The fields of one request, in order (RFC 4251 section 5 types). Throws {@link MalformedError}. */
export class Reader {
  #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at = 0) {
    this.#buffer = buffer;
    this.#at = at;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  u32(): number {
    const at = this.#move(4);
    return this.#buffer.readUInt32BE(at);
  }

  /** Exact below 2^53, Infinity from there on. */
  u64(): number {
    const at = this.#move(8);
    return joinU64(this.#buffer.readUInt32BE(at), this.#buffer.readUInt32BE(at + 4));
  }

  /** A string's bytes, a view into the frame. */
  string(): Buffer {
    const length = this.u32();
    const at = this.#move(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** What is left, a view into the frame. */
  rest(): Buffer {
    return this.#buffer.subarray(this.#move(this.remaining));
  }

  /** @throws FsError ENAMETOOLONG over MAX_PATH_BYTES */
  path(): ByteString {
    const raw = this.string();
    if (raw.length > MAX_PATH_BYTES) throw new FsError("ENAMETOOLONG");
    return bytes(raw);
  }

  /** A handle as the number it was made of; -1 for a string that can't be one of ours. */
  handle(): number {
    const raw = this.string();
    if (raw.length !== 8) return -1;
    return joinU64(raw.readUInt32BE(0), raw.readUInt32BE(4));
  }

  #move(length: number): number {
    const at = this.#at;
    if (length > this.#buffer.length - at) throw new MalformedError();
    this.#at = at + length;
    return at;
  }
}
