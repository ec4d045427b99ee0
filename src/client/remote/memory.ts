/** Memory kept for data to come, in all connections together, in bytes. */
const KEPT = 16 * 1024 * 1024;

/** Smaller pieces are as cheap from the allocator. */
const SMALLEST = 16 * 1024;

const free = new Map<number, ArrayBufferLike[]>();
let kept = 0;

/**
 * Memory for the data of a reply, nothing zeroed. Pieces of a quarter of a megabyte made anew for
 * each would cost a page fault every 4 KiB and most of the garbage collector's time.
 */
export function takeMemory(length: number): Buffer {
  if (length < SMALLEST) return Buffer.allocUnsafe(length);
  const again = free.get(length)?.pop();
  if (again === undefined) return Buffer.allocUnsafeSlow(length);
  kept -= length;
  return Buffer.from(again);
}

/** Takes back memory at which nobody looks any more. */
export function giveMemory({ buffer, length }: Buffer): void {
  if (length < SMALLEST || buffer.byteLength !== length || kept + length > KEPT) return;
  kept += length;
  const list = free.get(length);
  if (list === undefined) free.set(length, [buffer]);
  else list.push(buffer);
}
