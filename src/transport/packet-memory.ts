import { randomFillSync } from "node:crypto";
import { WIDE_DATA } from "./wide-packets.ts";

/** The data of a full packet: what nearly every client takes at most. */
export const FULL_DATA = 32 * 1024;

/** Memory kept for packets that will be sent, in all connections together. */
const KEPT_BYTES = 8 * 1024 * 1024;

/** A full packet has less than this, whatever the cipher adds to its data. */
const FULL_ROOM = 34 * 1024;

/** Room for every wide packet, so that those of all lengths are of use to each other. */
const WIDE_ROOM = WIDE_DATA + 1024;

/** Packets are large and short-lived: using their memory again spares the garbage collector. */
class PacketMemory {
  readonly #free = new Map<number, ArrayBufferLike[]>();
  #kept = 0;

  take(size: number): Buffer {
    // A short packet that waits to be sent must not keep a long buffer.
    const wide = size > WIDE_ROOM / 2;
    const room = wide ? Math.max(WIDE_ROOM, size) : size <= FULL_ROOM ? FULL_ROOM : size;
    const memory = this.#free.get(room)?.pop();
    if (memory === undefined) return Buffer.allocUnsafeSlow(room).subarray(0, size);
    this.#kept -= room;
    return Buffer.from(memory, 0, size);
  }

  give({ buffer }: Buffer): void {
    const room = buffer.byteLength;
    const fits = room === FULL_ROOM || room === WIDE_ROOM;
    if (!fits || this.#kept + room > KEPT_BYTES) return;
    this.#kept += room;
    const free = this.#free.get(room);
    if (free === undefined) this.#free.set(room, [buffer]);
    else free.push(buffer);
  }
}

export const packets = new PacketMemory();

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
