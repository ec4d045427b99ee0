import { DATA_HEADER, MAX_DATA } from "./constants.ts";

/** Bytes of data that kept frames have room for, each behind a DATA header. */
const SIZES = [32 * 1024, 64 * 1024, 128 * 1024, MAX_DATA];

/** Memory kept for replies to come, in all sessions together. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** Below this the allocator is as good. */
const PLAIN = 4096;

const free = new Map<number, Buffer[]>(SIZES.map((size) => [DATA_HEADER + size, []]));
let kept = 0;

/**
 * Memory for a DATA reply of `length` bytes of data or more; nothing is zeroed. A new frame of
 * 255 KiB for each READ would cost a page fault every 4 KiB and a garbage collection every few
 * dozen, so those the channel has let go of are used again.
 */
export function frameMemory(length: number): Buffer {
  if (length <= PLAIN) return Buffer.allocUnsafe(DATA_HEADER + length);
  const size = DATA_HEADER + (SIZES.find((room) => length <= room) ?? length);
  const frame = free.get(size)?.pop();
  if (frame === undefined) return Buffer.allocUnsafeSlow(size);
  kept -= size;
  return frame;
}

/** Takes back a frame, or a reply that begins it, at which nobody looks any more. */
export function recycle(reply: Buffer): void {
  const { buffer } = reply;
  const frames = free.get(buffer.byteLength);
  if (frames === undefined || kept + buffer.byteLength > KEPT_BYTES) return;
  kept += buffer.byteLength;
  frames.push(Buffer.from(buffer));
}
