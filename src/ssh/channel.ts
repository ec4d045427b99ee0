import { DRAIN_BYTES, type SessionChannel } from "../channel.ts";
import type { SessionMemory } from "../memory/budget.ts";
import { isRekeying, type Protocol, type RawChannel } from "./internals.ts";
import type { Outbox, Sender } from "./outbox.ts";
import { largestWindow, ReceiveWindow } from "./receive-window.ts";
import { sendData, sendErrorData } from "./send.ts";
import { WIDE_DATA } from "./wide-packets.ts";

/**
 * A peer that takes only tiny packets would make us encrypt each byte by itself (and loop for ever
 * at 0). The smallest known client takes 4096.
 */
export const SMALLEST_PACKET = 512;

/** ssh2 drops data without a word when it thinks the window is 0, so the count is kept here alone. */
const SSH2_WINDOW = 2 ** 40;

/** What a channel needs of its connection. */
export interface ChannelOwner {
  readonly protocol: Protocol;
  readonly outbox: Outbox;
  /** what the session's channels hold counts there */
  readonly memory: SessionMemory;
  /** of the line, in milliseconds */
  readonly roundTrip: number;
  /** how often window adjusts go out while data comes in, in bytes; undefined: as stock clients like it */
  readonly pace?: number;
  /** The peer broke the protocol: ends the connection. */
  violation(text: string): void;
  /** Data moved in either direction. */
  activity(): void;
}

/** Text for standard error, to be sent when so many bytes of ordinary output have been. */
interface ErrorText {
  data: Buffer;
  readonly behind: number;
}

/** Stands in the queue for a buffer that was sent, so that its memory is free. */
const NONE = Buffer.alloc(0);

function nothing(): void {}

/**
 * A session channel of ssh2 as a ByteChannel. It goes round ssh2's streams: data comes straight
 * from the packet, credit is given for what was consumed only, and what goes out is packed into
 * full packets at the end of the turn.
 */
export class SshChannel implements SessionChannel, Sender {
  onData: (chunk: Buffer) => void = nothing;
  onEnd: () => void = nothing;
  onClose: () => void = nothing;
  onDrain: () => void = nothing;
  readonly #raw: RawChannel;
  readonly #owner: ChannelOwner;
  readonly #window: ReceiveWindow;
  readonly #maxPacket: number;
  #queue: Buffer[] = [];
  #released: (((data: Buffer) => void) | undefined)[] = [];
  /** index of the first buffer of the queue not sent whole, and how much of it was sent */
  #head = 0;
  #offset = 0;
  #queued = 0;
  /** bytes of ordinary output sent so far */
  #sent = 0;
  #errors: ErrorText[] = [];
  #errorBytes = 0;
  /** it was found full, by a writer or by one who waits to write, and is told when it is not */
  #wasFull = false;
  #ended = false;
  #exitStatus: number | undefined;
  /** the peer has closed its end: nobody reads what is written */
  #isUnheard = false;
  #closed = false;

  /** @param window what the peer was granted when the channel was opened, taken from the memory */
  constructor(raw: RawChannel, owner: ChannelOwner, window: number) {
    this.#raw = raw;
    this.#owner = owner;
    this.#maxPacket = Math.min(raw.outgoing.packetSize, WIDE_DATA);
    const grant = (bytes: number): void => this.#grant(bytes);
    this.#window = new ReceiveWindow(owner.memory.user, grant, {
      initial: window,
      largest: largestWindow(owner.roundTrip),
      ...(owner.pace !== undefined && { pace: owner.pace }),
    });
    raw.incoming.window = SSH2_WINDOW;
    raw.push = (data) => {
      this.#receive(data);
      return false;
    };
    // ssh2 calls _chunkcb when the peer widens the window and _waitWindow is set.
    raw._chunkcb = () => this.#widened();
    raw._waitWindow = true;
    owner.outbox.add(this);
  }

  get queuedBytes(): number {
    if (this.#closed) return 0;
    const queued = this.#queued + this.#errorBytes + this.#owner.outbox.pending;
    // A channel that has written nothing may still wait for what the others have queued.
    if (queued > DRAIN_BYTES) this.#wasFull = true;
    return queued;
  }

  get isFull(): boolean {
    const queued = this.queuedBytes;
    const isFull = queued > DRAIN_BYTES || (queued > 0 && !this.#owner.memory.mayTake(0));
    if (isFull) this.#wasFull = true;
    return isFull;
  }

  write(data: Buffer, released?: (data: Buffer) => void): void {
    const isOver = this.#closed || this.#exitStatus !== undefined;
    if (isOver || this.#isUnheard || data.length === 0) {
      released?.(data);
      if (!isOver && data.length > 0) this.interrupt("PIPE");
      return;
    }
    this.#queue.push(data);
    this.#released.push(released);
    this.#queued += data.length;
    this.#owner.memory.force(data.length);
    this.#owner.outbox.ready(this);
  }

  writeError(data: Buffer): void {
    if (this.#closed || this.#exitStatus !== undefined || data.length === 0) return;
    if (this.#isUnheard) {
      this.interrupt("PIPE");
      return;
    }
    this.#errors.push({ data, behind: this.#sent + this.#queued });
    this.#errorBytes += data.length;
    this.#owner.memory.force(data.length);
    this.#owner.outbox.ready(this);
  }

  consume(bytes: number): void {
    if (!this.#closed) this.#window.consumed(bytes);
  }

  end(exitStatus: number): void {
    if (this.#closed || this.#exitStatus !== undefined) return;
    this.#exitStatus = exitStatus;
    this.#owner.outbox.ready(this);
  }

  destroy(): void {
    if (this.#closed) return;
    this.#forget();
    this.#raw.close();
    queueMicrotask(() => this.onClose());
  }

  /**
   * The peer's CLOSE came. What is served has no more input and nobody who hears it, and may still
   * come to an exit status: net-scp looks for that behind its own CLOSE.
   */
  abandonedByPeer(): void {
    if (this.#closed) return;
    this.#isUnheard = true;
    this.#drop();
    this.#receive(null);
    this.#owner.outbox.ready(this);
  }

  /** As a signal ends a program: PIPE one that writes though nobody reads, HUP one at a terminal. */
  interrupt(signal: "HUP" | "PIPE"): void {
    if (this.#closed) return;
    this.#owner.protocol.exitSignal(this.#raw.outgoing.id, signal, false, "");
    this.destroy();
  }

  /** The connection is gone. */
  closedByPeer(): void {
    if (this.#closed) return;
    this.#forget();
    this.onClose();
  }

  flush(most: number): number {
    if (this.#closed || isRekeying(this.#owner.protocol)) return 0;
    const { outgoing } = this.#raw;
    const window = outgoing.window;
    while (outgoing.window > 0 && this.#queued + this.#errorBytes > 0) {
      if (window - outgoing.window >= most) {
        this.#owner.outbox.ready(this);
        break;
      }
      const error = this.#errors[0];
      const before = error === undefined ? this.#queued : error.behind - this.#sent;
      if (before > 0) this.#sendData(Math.min(before, outgoing.window, this.#maxPacket));
      else if (error !== undefined) this.#sendError(error);
    }
    const done = this.#queued === 0 && this.#errorBytes === 0;
    if (done && this.#exitStatus !== undefined) this.#finish(this.#exitStatus);
    else this.#checkDrain();
    return window - outgoing.window;
  }

  #sendData(length: number): void {
    const { outgoing } = this.#raw;
    outgoing.window -= length;
    const packet = sendData(this.#owner.protocol, outgoing.id, length, (memory, at) => {
      this.#copy(memory, at, length);
    });
    this.#sent += length;
    if (packet !== undefined) this.#owner.outbox.lend(packet);
  }

  #sendError(error: ErrorText): void {
    const { outgoing } = this.#raw;
    const { data } = error;
    const length = Math.min(data.length, outgoing.window, this.#maxPacket);
    outgoing.window -= length;
    this.#errorBytes -= length;
    this.#owner.memory.give(length);
    sendErrorData(this.#owner.protocol, outgoing.id, data.subarray(0, length));
    if (length === data.length) this.#errors.shift();
    else error.data = data.subarray(length);
  }

  progress(): void {
    if (this.#closed) return;
    if (this.#wasFull) this.#owner.activity();
    this.#checkDrain();
  }

  #receive(data: Buffer | null): void {
    if (this.#closed || this.#ended) return;
    if (data === null) {
      this.#ended = true;
      this.onEnd();
      return;
    }
    this.#raw.incoming.window = SSH2_WINDOW;
    if (!this.#window.received(data.length)) {
      this.#owner.violation("the client sent more than the channel's window allows");
      return;
    }
    this.#owner.activity();
    if (data.length > 0) this.onData(data);
  }

  #grant(bytes: number): void {
    this.#owner.protocol.channelWindowAdjust(this.#raw.outgoing.id, bytes);
  }

  #widened(): void {
    this.#raw._waitWindow = true;
    if (this.#queued + this.#errorBytes > 0) this.#owner.outbox.ready(this);
  }

  /** Moves `length` bytes from the queue to the packet. */
  #copy(packet: Buffer, at: number, length: number): void {
    let left = length;
    let target = at;
    while (left > 0) {
      const chunk = this.#queue[this.#head] as Buffer;
      const take = Math.min(left, chunk.length - this.#offset);
      chunk.copy(packet, target, this.#offset, this.#offset + take);
      this.#offset += take;
      target += take;
      left -= take;
      if (this.#offset === chunk.length) this.#next();
    }
    this.#queued -= length;
    this.#owner.memory.give(length);
  }

  #next(): void {
    this.#released[this.#head]?.(this.#queue[this.#head] as Buffer);
    this.#queue[this.#head] = NONE;
    this.#head += 1;
    this.#offset = 0;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#released = [];
      this.#head = 0;
    } else if (this.#head >= 256) {
      this.#queue = this.#queue.slice(this.#head);
      this.#released = this.#released.slice(this.#head);
      this.#head = 0;
    }
  }

  #checkDrain = (): void => {
    if (!this.#wasFull || this.#closed) return;
    if (this.isFull) {
      // Below the mark it is others whose memory is waited for.
      if (this.queuedBytes <= DRAIN_BYTES) this.#owner.memory.wait(this.#checkDrain, 0);
      return;
    }
    this.#wasFull = false;
    this.onDrain();
  };

  #finish(exitStatus: number): void {
    this.#owner.protocol.exitStatus(this.#raw.outgoing.id, exitStatus);
    if (!this.#isUnheard) this.#raw.eof();
    this.#forget();
    this.#raw.close();
    this.onClose();
  }

  #forget(): void {
    this.#closed = true;
    this.#drop();
    this.#window.close();
    this.#owner.memory.forget(this.#checkDrain);
    this.#owner.outbox.remove(this);
  }

  /** What is queued is sent to nobody. */
  #drop(): void {
    this.#owner.memory.give(this.#queued + this.#errorBytes);
    for (let at = this.#head; at < this.#queue.length; at++) {
      this.#released[at]?.(this.#queue[at] as Buffer);
    }
    this.#queue = [];
    this.#released = [];
    this.#head = 0;
    this.#queued = 0;
    this.#errors = [];
    this.#errorBytes = 0;
  }
}
