import { compact } from "../../channel.ts";

/** Chunks below this are copied together while others wait, so that a byte costs about a byte. */
const SMALL_CHUNK = 4096;
const SLAB = 32 * 1024;

/** What the chunks that wait may take in memory beyond twice their bytes. */
const SPARE = 1024 * 1024;

/**
 * Received bytes that nobody has looked at yet, as the chunks they came in. A frame is only taken
 * out when there is room to work on it; nothing is joined unless a caller asks for joined bytes.
 * A frame: uint32 length, then that many bytes (draft-ietf-secsh-filexfer-02, section 3).
 */
export class FrameQueue {
  #chunks: Buffer[] = [];
  #first = 0;
  #offset = 0;
  #size = 0;
  /** what the chunks lie in, in bytes: those of one packet after the other share it */
  #memory = 0;
  #slab: Buffer | undefined;
  #slabEnd = 0;

  /** What the waiting bytes keep in memory. */
  get memory(): number {
    return this.#memory;
  }

  /** Bytes waiting. */
  get size(): number {
    return this.#size;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#size += chunk.length;
    if (chunk.length < SMALL_CHUNK && this.#first < this.#chunks.length) this.#append(chunk);
    else {
      this.#add(compact(chunk));
      this.#slab = undefined;
    }
  }

  /** A client can choose what comes between its data, and so how much each chunk keeps. */
  #add(chunk: Buffer): void {
    const shared = chunk.buffer === this.#chunks.at(-1)?.buffer;
    const cost = shared ? 0 : chunk.buffer.byteLength;
    const isDear = this.#memory + cost > 2 * this.#size + SPARE;
    const kept = isDear && cost > chunk.length ? copyOf(chunk) : chunk;
    this.#memory += kept === chunk ? cost : chunk.length;
    this.#chunks.push(kept);
  }

  /** The length field of the next frame, in bytes after it; -1 while its four bytes are missing. */
  nextLength(): number {
    return this.#size < 4 ? -1 : this.u32(0);
  }

  /** Whether the next frame is here as a whole. */
  get hasFrame(): boolean {
    return this.#size >= 4 && this.#size >= 4 + this.u32(0);
  }

  /** The byte `at` bytes into what waits; the caller has checked that it is there. */
  u8(at: number): number {
    let index = this.#first;
    let position = this.#offset + at;
    for (;;) {
      const chunk = this.#chunks[index] as Buffer;
      if (position < chunk.length) return chunk[position] as number;
      position -= chunk.length;
      index++;
    }
  }

  u32(at: number): number {
    const chunk = this.#chunks[this.#first] as Buffer;
    const position = this.#offset + at;
    if (position + 4 <= chunk.length) return chunk.readUInt32BE(position);
    return (
      this.u8(at) * 0x1000000 + ((this.u8(at + 1) << 16) | (this.u8(at + 2) << 8) | this.u8(at + 3))
    );
  }

  /** Removes the next frame and gives it in one piece, its length field included. */
  takeFrame(): Buffer {
    return this.take(4 + this.nextLength());
  }

  /** Removes `length` bytes and gives them in one piece. */
  take(length: number): Buffer {
    const chunk = this.#chunks[this.#first];
    if (chunk !== undefined && this.#offset + length <= chunk.length) {
      const piece = chunk.subarray(this.#offset, this.#offset + length);
      this.#advance(chunk, length);
      return piece;
    }
    const slices: Buffer[] = [];
    this.takeSlices(length, slices);
    return Buffer.concat(slices, length);
  }

  /** Removes `length` bytes and adds them to `into`, if given, as they lie in memory: no copy. */
  takeSlices(length: number, into?: Buffer[]): void {
    let missing = length;
    while (missing > 0) {
      const chunk = this.#chunks[this.#first] as Buffer;
      const here = Math.min(missing, chunk.length - this.#offset);
      const whole = here === chunk.length;
      into?.push(whole ? chunk : chunk.subarray(this.#offset, this.#offset + here));
      this.#advance(chunk, here);
      missing -= here;
    }
  }

  skip(length: number): void {
    this.takeSlices(length);
  }

  clear(): void {
    this.#chunks = [];
    this.#first = 0;
    this.#offset = 0;
    this.#size = 0;
    this.#memory = 0;
    this.#slab = undefined;
  }

  #advance(chunk: Buffer, length: number): void {
    this.#offset += length;
    this.#size -= length;
    if (this.#offset < chunk.length) return;
    this.#offset = 0;
    if (chunk.buffer !== this.#chunks[this.#first + 1]?.buffer) {
      this.#memory -= chunk.buffer.byteLength;
    }
    this.#first++;
    if (this.#first === this.#chunks.length) this.#dropAll();
    else if (this.#first >= 64) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }

  #dropAll(): void {
    this.#chunks.length = 0;
    this.#first = 0;
    this.#slab = undefined;
  }

  /** Copies a small chunk behind the last one, growing it in place while its slab has room. */
  #append(chunk: Buffer): void {
    const slab = this.#slab;
    if (slab !== undefined && this.#slabEnd + chunk.length <= slab.length) {
      const last = this.#chunks[this.#chunks.length - 1] as Buffer;
      const start = this.#slabEnd - last.length;
      slab.set(chunk, this.#slabEnd);
      this.#slabEnd += chunk.length;
      this.#chunks[this.#chunks.length - 1] = slab.subarray(start, this.#slabEnd);
      return;
    }
    // Between large chunks there is mostly one small one.
    this.#slab = Buffer.allocUnsafeSlow(slab === undefined ? SMALL_CHUNK : SLAB);
    this.#slab.set(chunk, 0);
    this.#slabEnd = chunk.length;
    this.#memory += this.#slab.length;
    this.#chunks.push(this.#slab.subarray(0, chunk.length));
  }
}

/** In memory of its own, not in a part of what others share. */
function copyOf(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  copy.set(chunk);
  return copy;
}
