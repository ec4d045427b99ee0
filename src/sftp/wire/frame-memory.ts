import { roomOf, slabs } from "../../memory/slabs.ts";
import { DATA_HEADER } from "./constants.ts";

/**
 * Up to this, in bytes of data, the allocator is as good: a larger piece would be more than twice as
 * long, and be copied before it waits to be sent.
 */
const PLAIN = 16 * 1024;

/** What a DATA reply of `length` bytes of data takes in memory while it is made, in bytes. */
export function frameRoom(length: number): number {
  return length <= PLAIN ? DATA_HEADER + length : roomOf(DATA_HEADER + length);
}

/**
 * Memory for a DATA reply of `length` bytes of data or more; nothing is zeroed. A new frame of
 * 255 KiB for each READ would cost a page fault every 4 KiB and a garbage collection every few
 * dozen, so those the channel has let go of are used again. Must be recycled.
 */
export function frameMemory(length: number): Buffer {
  if (length <= PLAIN) return Buffer.allocUnsafe(DATA_HEADER + length);
  return slabs.take(DATA_HEADER + length);
}

/** Takes back a frame, or a reply that begins it, at which nobody looks any more. */
export function recycle(reply: Buffer): void {
  slabs.give(reply);
}
