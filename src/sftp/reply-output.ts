import { type ByteChannel, DRAIN_BYTES } from "../channel.ts";
import { recycle } from "./wire/frame-memory.ts";

/** Replies up to this are gathered. */
const SMALL = 2048;
const SLAB = 16 * 1024;
/** While the peer is slow, small replies leave in pieces of this at least: fewer, larger writes. */
const CONGESTED_PIECE = 8 * 1024;

const NONE = Buffer.allocUnsafeSlow(0);

/** What is left of a slab that nobody gathers replies in: one for the process, none for each session. */
let spare: Buffer = NONE;

/** A place for small replies that was never written to. */
function takeSlab(): Buffer {
  const slab = spare.length >= SMALL ? spare : Buffer.allocUnsafeSlow(SLAB);
  spare = NONE;
  return slab;
}

/** Replies on their way to the channel: the small ones of a turn leave in one write. */
export class ReplyOutput {
  #channel: ByteChannel;
  #slab: Buffer = NONE;
  #end = 0;

  constructor(channel: ByteChannel) {
    this.#channel = channel;
  }

  /** Bytes gathered and not given to the channel yet. */
  get bytes(): number {
    return this.#end;
  }

  put(reply: Buffer): void {
    if (reply.length > SMALL) {
      this.flush();
      this.#channel.write(reply, recycle);
      return;
    }
    if (this.#end + reply.length > this.#slab.length) this.#turnOver();
    this.#slab.set(reply, this.#end);
    this.#end += reply.length;
  }

  /** False when there is nothing, or it should wait for the channel's drain. */
  get ready(): boolean {
    if (this.bytes === 0) return false;
    return this.bytes >= CONGESTED_PIECE || this.#channel.queuedBytes <= DRAIN_BYTES;
  }

  flush(): void {
    if (this.bytes === 0) return;
    const piece = this.#slab.subarray(0, this.#end);
    // A slab is never written twice: the channel may still hold parts of it.
    spare = this.#slab.subarray(this.#end);
    this.#slab = NONE;
    this.#end = 0;
    this.#channel.write(piece);
  }

  #turnOver(): void {
    this.flush();
    this.#slab = takeSlab();
  }
}
