import type { ByteChannel } from "../channel.ts";
import type { SessionMemory } from "../memory/budget.ts";
import { ReplyOutput } from "./reply-output.ts";
import { recycle } from "./wire/frame-memory.ts";

/** Requests started and not answered yet, at most. */
const MAX_SLOTS = 64;
/** Bytes of replies being made, held back for order, or not yet with the kernel, at most. */
const MAX_REPLY_BYTES = 4 * 1024 * 1024;

/** The place of one reply in the order of requests. */
export interface Slot {
  reply: Buffer | undefined;
  /** bytes counted against MAX_REPLY_BYTES, and taken from the session's memory */
  held: number;
}

/** The replies of one channel: they leave in the order of the requests, and their memory is bounded. */
export class ReplyOrder {
  readonly #channel: ByteChannel;
  readonly #memory: SessionMemory;
  readonly #onRoom: () => void;
  readonly #output: ReplyOutput;
  #slots: Slot[] = [];
  #held = 0;
  #closed = false;

  /** @param onRoom called when the session may take the memory it did not get */
  constructor(channel: ByteChannel, memory: SessionMemory, onRoom: () => void) {
    this.#channel = channel;
    this.#memory = memory;
    this.#onRoom = onRoom;
    this.#output = new ReplyOutput(channel);
  }

  /** Everything that has a place was answered. */
  get isEmpty(): boolean {
    return this.#slots.length === 0;
  }

  /** Whether one more request may start, whose reply takes up to `bytes`. */
  hasRoom(bytes: number): boolean {
    if (this.#slots.length >= MAX_SLOTS) return false;
    const waiting = this.#held + this.#output.bytes + this.#channel.queuedBytes;
    if (waiting + bytes > MAX_REPLY_BYTES) return false;
    if (this.#memory.mayTake(bytes)) return true;
    this.#memory.wait(this.#onRoom, bytes);
    return false;
  }

  /** The next place, for a reply of up to `held` bytes. */
  open(held: number): Slot {
    const slot: Slot = { reply: undefined, held };
    this.#slots.push(slot);
    this.#hold(held);
    return slot;
  }

  /** The reply takes its place, and leaves when nothing before it is missing. */
  fill(slot: Slot, reply: Buffer): void {
    this.#hold(reply.length - slot.held);
    slot.held = reply.length;
    slot.reply = reply;
    if (this.#closed) this.#drop(slot, reply);
    else this.#emit();
  }

  /** Gives the channel what was gathered, if it isn't too much for it. */
  flushIfReady(): void {
    if (this.#output.ready) this.#output.flush();
  }

  flush(): void {
    this.#output.flush();
  }

  /** Nobody gets the replies any more, nor those that are still being made. */
  close(): void {
    this.#closed = true;
    this.#memory.forget(this.#onRoom);
    for (const slot of this.#slots) if (slot.reply !== undefined) this.#drop(slot, slot.reply);
    this.#slots = [];
  }

  #emit(): void {
    for (let slot = this.#slots[0]; slot?.reply !== undefined; slot = this.#slots[0]) {
      this.#slots.shift();
      this.#output.put(slot.reply);
      this.#hold(-slot.held);
    }
  }

  #drop(slot: Slot, reply: Buffer): void {
    recycle(reply);
    this.#hold(-slot.held);
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    if (bytes < 0) this.#memory.give(-bytes);
    else this.#memory.force(bytes);
  }
}
