import { randomFillSync } from "node:crypto";
import { LARGEST_PIECE, slabs } from "../memory/slabs.ts";

/** The data of a full packet: what nearly every client takes at most. */
export const FULL_DATA = 32 * 1024;

/** Memory for a packet of `size` bytes, to be given back with {@link freePacket}. */
export function packetMemory(size: number): Buffer {
  if (size > LARGEST_PIECE) return Buffer.allocUnsafeSlow(size);
  return slabs.take(size).subarray(0, size);
}

/** The kernel has the packet. */
export function freePacket(packet: Buffer): void {
  slabs.give(packet);
}

/** A call of the random generator for each packet costs more than its few bytes are worth. */
const random = Buffer.alloc(16 * 1024);
let used = random.length;

/** Fills the padding of a packet with random bytes (RFC 4253 section 6). */
export function pad(packet: Buffer, start: number, length: number): void {
  if (used + length > random.length) {
    randomFillSync(random);
    used = 0;
  }
  random.copy(packet, start, used, used + length);
  used += length;
}
