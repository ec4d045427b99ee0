import { DATA_HEADER, MAX_DATA } from "./constants.ts";

/** Lengths of READ replies that come by the thousand: of clients that know limits@, and others. */
const LENGTHS = [DATA_HEADER + MAX_DATA, DATA_HEADER + 32 * 1024];

/** Memory kept of each length for replies to come, in all sessions together. */
const KEPT_BYTES = 8 * 1024 * 1024;

const free = new Map<number, Buffer[]>(LENGTHS.map((length) => [length, []]));

/** Memory for a reply; nothing is zeroed. Using it again spares the garbage collector. */
export function frameMemory(length: number): Buffer {
  // The shared pool would keep 8 KiB alive for a large frame's neighbour.
  if (length <= 4096) return Buffer.allocUnsafe(length);
  return free.get(length)?.pop() ?? Buffer.allocUnsafeSlow(length);
}

/** Takes back memory that nobody looks at any more. */
export function recycle(frame: Buffer): void {
  const kept = free.get(frame.length);
  if (kept === undefined || (kept.length + 1) * frame.length > KEPT_BYTES) return;
  if (frame.byteLength === frame.buffer.byteLength) kept.push(frame);
}
