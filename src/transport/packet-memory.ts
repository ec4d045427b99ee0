import { randomFillSync } from "node:crypto";

/** Memory kept for packets that will be sent, in all connections together. */
const KEPT_BYTES = 8 * 1024 * 1024;

/** Packets are large and short-lived: using their memory again spares the garbage collector. */
class PacketMemory {
  readonly #free = new Map<number, Buffer[]>();
  #kept = 0;

  take(size: number): Buffer {
    const packet = this.#free.get(size)?.pop();
    if (packet === undefined) return Buffer.allocUnsafeSlow(size);
    this.#kept -= size;
    return packet;
  }

  give(packet: Buffer): void {
    const size = packet.length;
    if (this.#kept + size > KEPT_BYTES) return;
    this.#kept += size;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [packet]);
    else free.push(packet);
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
