import { type ByteChannel, DRAIN_BYTES } from "../../src/channel.ts";
import type { SessionMemory } from "../../src/memory/budget.ts";

export interface MemoryChannelOptions {
  /** bytes the client may send ahead of the server's credit */
  readonly window?: number;
  /** bytes of one chunk the server gets, at most; a function is asked for each chunk */
  readonly chunk?: number | (() => number);
  /** false: the client reads nothing until {@link MemoryChannel.resume} */
  readonly reading?: boolean;
  /** what is queued counts there */
  readonly memory?: SessionMemory;
}

/**
 * A channel whose two ends are in this process. The server's end is the ByteChannel itself, the
 * client's end the methods named after what the client does.
 */
export class MemoryChannel implements ByteChannel {
  onData: (chunk: Buffer) => void = () => {};
  onEnd: () => void = () => {};
  onClose: () => void = () => {};
  onDrain: () => void = () => {};

  /** the client's callbacks */
  clientData: (chunk: Buffer) => void = () => {};
  clientClose: () => void = () => {};

  exitStatus: number | undefined;
  destroyed = false;
  closed = false;
  /** bytes the server gave credit for, and how often */
  consumed = 0;
  credits = 0;
  /** writes the server made, their bytes, and the most that waited at once */
  writes = 0;
  written = 0;
  maxQueued = 0;

  readonly #memory: SessionMemory | undefined;
  #window: number;
  #chunk: () => number;
  #reading: boolean;
  #toServer: Buffer[] = [];
  #eof = false;
  #eofGiven = false;
  #toClient: { readonly data: Buffer; readonly released: (data: Buffer) => void }[] = [];
  #queued = 0;
  #wasAbove = false;
  #ending = false;
  #deliveryScheduled = false;

  constructor(options: MemoryChannelOptions = {}) {
    const chunk = options.chunk ?? 32768;
    this.#window = options.window ?? 2 * 1024 * 1024;
    this.#chunk = typeof chunk === "number" ? () => chunk : chunk;
    this.#reading = options.reading ?? true;
    this.#memory = options.memory;
  }

  get queuedBytes(): number {
    return this.#queued;
  }

  get isFull(): boolean {
    return this.#queued > DRAIN_BYTES;
  }

  write(data: Buffer, released: (data: Buffer) => void = () => {}): void {
    if (this.closed || this.#ending) {
      released(data);
      return;
    }
    this.writes++;
    this.written += data.length;
    this.#toClient.push({ data, released });
    this.#queued += data.length;
    this.#memory?.force(data.length);
    this.maxQueued = Math.max(this.maxQueued, this.#queued);
    if (this.#queued > DRAIN_BYTES) this.#wasAbove = true;
    this.#deliver();
  }

  consume(bytes: number): void {
    this.consumed += bytes;
    this.credits++;
    this.#window += bytes;
    queueMicrotask(() => this.#feed());
  }

  end(exitStatus: number): void {
    if (this.closed || this.#ending) return;
    this.exitStatus = exitStatus;
    this.#ending = true;
    this.#deliver();
  }

  destroy(): void {
    this.destroyed = true;
    this.#close();
  }

  /** The client's end: sends, as far as the window goes; the rest follows with the credit. */
  send(data: Buffer): void {
    for (let at = 0; at < data.length; ) {
      const length = Math.max(1, this.#chunk());
      // A copy, so that a server that keeps a view does not see the test's buffer change.
      this.#toServer.push(Buffer.from(data.subarray(at, at + length)));
      at += length;
    }
    this.#feed();
  }

  sendEof(): void {
    this.#eof = true;
    this.#feed();
  }

  pause(): void {
    this.#reading = false;
  }

  resume(): void {
    this.#reading = true;
    this.#deliver();
  }

  /** The connection is lost. */
  disconnect(): void {
    this.#close();
  }

  #feed(): void {
    while (!this.closed) {
      const chunk = this.#toServer[0];
      if (chunk === undefined || this.#window === 0) break;
      const fits = chunk.subarray(0, this.#window);
      if (fits.length === chunk.length) this.#toServer.shift();
      else this.#toServer[0] = chunk.subarray(fits.length);
      this.#window -= fits.length;
      this.onData(fits);
    }
    if (this.#eof && !this.#eofGiven && this.#toServer.length === 0 && !this.closed) {
      this.#eofGiven = true;
      this.onEnd();
    }
  }

  #deliver(): void {
    if (this.#deliveryScheduled || !this.#reading) return;
    this.#deliveryScheduled = true;
    setImmediate(() => {
      this.#deliveryScheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    while (this.#reading && !this.closed) {
      const next = this.#toClient.shift();
      if (next === undefined) break;
      this.#queued -= next.data.length;
      this.#memory?.give(next.data.length);
      this.clientData(Buffer.from(next.data));
      // Who reads it after this sees that it was let go of too early, or used too long.
      next.data.fill(0xee);
      next.released(next.data);
    }
    if (this.closed) return;
    if (this.#wasAbove && this.#queued <= DRAIN_BYTES) {
      this.#wasAbove = false;
      this.onDrain();
    }
    if (this.#ending && this.#queued === 0) this.#close();
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#toServer = [];
    for (const { data, released } of this.#toClient.splice(0)) released(data);
    this.#memory?.give(this.#queued);
    this.#queued = 0;
    this.onClose();
    this.clientClose();
  }
}
