/** Memory kept for data to come, in all connections together, in bytes. */
const KEPT = 16 * 1024 * 1024;

/** Smaller pieces are cut from a slab: to keep them costs as much as to make them. */
const SMALLEST = 16 * 1024;

const SLAB = 256 * 1024;

let slab = Buffer.alloc(0);
let cut = 0;

const free = new Map<number, ArrayBufferLike[]>();
let kept = 0;

/**
 * Memory for the data of a reply, nothing zeroed. Pieces of a quarter of a megabyte made anew for
 * each would cost a page fault every 4 KiB and most of the garbage collector's time.
 */
export function takeMemory(length: number): Buffer {
  if (length < SMALLEST) return carve(length);
  const again = free.get(length)?.pop();
  if (again === undefined) return Buffer.allocUnsafeSlow(length);
  kept -= length;
  return Buffer.from(again);
}

/**
 * A small piece, nothing zeroed. Node's own pool has none above 4 KiB, and memory made for each small
 * file took a tenth of the time of sending it. A slab stays as long as any piece of it.
 */
export function carve(length: number): Buffer {
  if (length > SLAB / 4) return Buffer.allocUnsafeSlow(length);
  if (cut + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB);
    cut = 0;
  }
  const piece = slab.subarray(cut, cut + length);
  cut += length;
  return piece;
}

/** Takes back memory at which nobody looks any more. */
export function giveMemory({ buffer, length }: Buffer): void {
  if (length < SMALLEST || buffer.byteLength !== length || kept + length > KEPT) return;
  kept += length;
  const list = free.get(length);
  if (list === undefined) free.set(length, [buffer]);
  else list.push(buffer);
}
