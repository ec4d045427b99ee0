import { type ByteChannel, DRAIN_BYTES } from "../channel.ts";
import { recycle } from "./wire/frame-memory.ts";

/** Replies up to this are gathered. */
const SMALL = 2048;
const SLAB = 16 * 1024;
/** While the peer is slow, small replies leave in pieces of this at least: fewer, larger writes. */
const CONGESTED_PIECE = 8 * 1024;

/** Replies on their way to the channel: the small ones of a turn leave in one write. */
export class ReplyOutput {
  #channel: ByteChannel;
  #slab = Buffer.allocUnsafeSlow(0);
  #start = 0;
  #end = 0;

  constructor(channel: ByteChannel) {
    this.#channel = channel;
  }

  /** Bytes gathered and not given to the channel yet. */
  get bytes(): number {
    return this.#end - this.#start;
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
    const piece = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#channel.write(piece);
  }

  /** A slab is never written twice: the channel may still hold parts of it. */
  #turnOver(): void {
    this.flush();
    this.#slab = Buffer.allocUnsafeSlow(SLAB);
    this.#start = 0;
    this.#end = 0;
  }
}
