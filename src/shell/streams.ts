import type { SessionChannel } from "../channel.ts";
import { Interrupted } from "./errors.ts";
import { Queue, type Sink, unlessAborted } from "./io.ts";

/** What goes into one packet of standard error. */
const ERROR_PIECE = 8 * 1024;

/** A channel as streams. Sets the channel's callbacks. */
export class ChannelStreams {
  /** bytes as they came; credit is given for those that were pulled */
  readonly input: Queue;
  readonly output: Sink;
  readonly errors: Sink;
  /** sees each chunk first and gives back what is left of it */
  filter: (chunk: Buffer) => Buffer = (chunk) => chunk;
  readonly #channel: SessionChannel;
  readonly #gone = new AbortController();
  #drained: (() => void)[] = [];
  /** writes of which some bytes are in no packet yet, and who waits for them */
  #unpacked = 0;
  #packed: (() => void)[] = [];

  constructor(channel: SessionChannel) {
    this.#channel = channel;
    this.input = new Queue((length) => channel.consume(length));
    this.output = { write: (data) => this.#write(data), packed: () => this.#allPacked() };
    this.errors = { write: (data) => this.#writeError(data) };
    channel.onData = (chunk) => this.#receive(chunk);
    channel.onEnd = () => this.input.end();
    channel.onClose = () => this.end(new Interrupted(129));
    channel.onDrain = () => {
      for (const resolve of this.#drained.splice(0)) resolve();
    };
  }

  /** Aborted when the channel is gone, or all is to end. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  end(why: Interrupted): void {
    if (!this.gone.aborted) this.#gone.abort(why);
  }

  #receive(chunk: Buffer): void {
    const rest = this.filter(chunk);
    if (rest.length < chunk.length) this.#channel.consume(chunk.length - rest.length);
    this.input.push(rest);
  }

  async #write(data: Buffer): Promise<void> {
    if (data.length > 0) {
      this.#unpacked += 1;
      this.#channel.write(data, this.#release);
    }
    await this.#drain();
  }

  readonly #release = (): void => {
    this.#unpacked -= 1;
    if (this.#unpacked > 0) return;
    for (const resolve of this.#packed.splice(0)) resolve();
  };

  async #allPacked(): Promise<void> {
    if (this.#unpacked === 0 || this.gone.aborted) return;
    const packed = new Promise<void>((resolve) => this.#packed.push(resolve));
    await unlessAborted(this.gone, packed);
  }

  async #writeError(data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; at += ERROR_PIECE) {
      this.#channel.writeError(data.subarray(at, at + ERROR_PIECE));
    }
    await this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#channel.isFull && !this.gone.aborted) {
      const drained = new Promise<void>((resolve) => this.#drained.push(resolve));
      await unlessAborted(this.gone, drained);
    }
  }
}
