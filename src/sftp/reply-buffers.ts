import { DATA_HEADER, MAX_DATA } from "./constants.ts";

/** Bytes of data the pooled buffers have room for, each behind a DATA header. */
const SIZES = [32 * 1024, 64 * 1024, 128 * 1024, MAX_DATA];

/** What the process keeps of buffers nobody uses. */
const MAX_FREE_BYTES = 16 * 1024 * 1024;

const free: Buffer[][] = SIZES.map(() => []);
let freeBytes = 0;

/** Below this the allocator is as good. */
const PLAIN = 4096;

/**
 * Buffers for DATA replies. A new one of 255 KiB for each READ would cost a page fault every 4 KiB
 * and a garbage collection every few dozen, so those the channel has let go of are used again.
 */
export class ReplyBuffers {
  #lent = new Set<ArrayBufferLike>();
  #sent: { readonly buffer: Buffer; readonly end: number }[] = [];
  #gone: () => number;

  /** @param gone how many of the bytes written to the channel it no longer holds */
  constructor(gone: () => number) {
    this.#gone = gone;
  }

  /** A buffer with room for a DATA header and `length` bytes of data at least. */
  take(length: number): Buffer {
    if (length <= PLAIN) return Buffer.allocUnsafe(DATA_HEADER + length);
    this.#reclaim();
    const index = SIZES.findIndex((size) => length <= size);
    const buffer = free[index]?.pop();
    if (buffer !== undefined) freeBytes -= buffer.length;
    const taken = buffer ?? Buffer.allocUnsafeSlow(DATA_HEADER + (SIZES[index] ?? length));
    this.#lent.add(taken.buffer);
    return taken;
  }

  /** Gives a buffer back that was not written to the channel. */
  giveBack(buffer: Buffer): void {
    if (this.#lent.delete(buffer.buffer)) release(Buffer.from(buffer.buffer));
  }

  /** `reply`, perhaps in a buffer of ours, went to the channel: `end` bytes were written with it. */
  sent(reply: Buffer, end: number): void {
    if (!this.#lent.delete(reply.buffer)) return;
    this.#sent.push({ buffer: Buffer.from(reply.buffer), end });
  }

  #reclaim(): void {
    const gone = this.#gone();
    for (let first = this.#sent[0]; first !== undefined; first = this.#sent[0]) {
      if (first.end > gone) return;
      this.#sent.shift();
      release(first.buffer);
    }
  }
}

function release(buffer: Buffer): void {
  if (freeBytes + buffer.length > MAX_FREE_BYTES) return;
  free[SIZES.indexOf(buffer.length - DATA_HEADER)]?.push(buffer);
  freeBytes += buffer.length;
}
