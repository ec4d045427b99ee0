import { type ByteString, bytes } from "../vfs/path.ts";
import { Chunks } from "./chunks.ts";
import { interruption } from "./errors.ts";

/** Where bytes come from. */
export interface Source {
  /** The next bytes; undefined at the end. Rejects with Interrupted when the signal aborts. */
  pull(signal: AbortSignal): Promise<Buffer | undefined>;
}

/** Where bytes go to. */
export interface Sink {
  /**
   * Resolves when there is room for more: the receiver's window sets the pace. The buffer must not
   * change afterwards. Rejects when nobody takes the bytes any more.
   */
  write(data: Buffer): Promise<void>;
  /**
   * Resolves when all that was written is in packets: what is written next is in another one. Sinks
   * without packets leave it out.
   */
  packed?(): Promise<void>;
}

/** A terminal on the other side. */
export interface LineTerminal {
  readonly columns: number;
  /** Asks for a line that is not shown; undefined when the user gave up. */
  readSecret(prompt: string, signal: AbortSignal): Promise<ByteString | undefined>;
}

/** The three streams of a command line, and its terminal if it has one. */
export interface ShellIo {
  readonly stdin: Input;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly terminal?: LineTerminal;
}

/** Settles like the promise, or rejects with Interrupted as soon as the signal aborts. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let stop: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(interruption(signal));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    // Whichever lost may still fail.
    aborted.catch(ignore);
    promise.catch(ignore);
  }
}

function ignore(): void {}

/** A standard input: what one command leaves unread is the next one's. */
export class Input {
  readonly #source: Source;
  #rest: Buffer | undefined;
  #ended = false;

  constructor(source: Source) {
    this.#source = source;
  }

  /** Up to `max` of the next bytes; undefined at the end. Rejects with Interrupted. */
  async read(signal: AbortSignal, max = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    if (signal.aborted) throw interruption(signal);
    const chunk = this.#rest ?? (this.#ended ? undefined : await this.#source.pull(signal));
    this.#rest = undefined;
    if (chunk === undefined) {
      this.#ended = true;
      return undefined;
    }
    if (chunk.length > max) this.#rest = chunk.subarray(max);
    return chunk.subarray(0, max);
  }

  /** Puts bytes back in front of what comes next. */
  unread(data: Buffer): void {
    if (data.length === 0) return;
    this.#rest = this.#rest === undefined ? data : Buffer.concat([data, this.#rest]);
  }

  /**
   * The next line with its newline, without one at the end of the input; undefined when nothing is
   * left. Of a longer line it gives `limit` bytes and then the rest, like so many lines.
   */
  async readLine(signal: AbortSignal, limit: number): Promise<ByteString | undefined> {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length < limit) {
      const chunk = await this.read(signal);
      if (chunk === undefined) break;
      const newline = chunk.indexOf(0x0a) + 1;
      const end = Math.min(newline || chunk.length, limit - length);
      pieces.push(chunk.subarray(0, end));
      length += end;
      this.unread(chunk.subarray(end));
      if (end === newline) break;
    }
    return length === 0 ? undefined : bytes(Buffer.concat(pieces));
  }
}

/** No input at all. */
export const NO_INPUT: Source = { pull: async () => undefined };

/** Bytes that are pushed by one side and pulled by the other. */
export class Queue implements Source {
  readonly #taken: (length: number) => void;
  readonly #chunks = new Chunks();
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param taken is told of bytes that were pulled */
  constructor(taken: (length: number) => void = () => {}) {
    this.#taken = taken;
  }

  push(data: Buffer): void {
    if (this.#ended || data.length === 0) return;
    this.#chunks.push(data);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Forgets what nobody has pulled. */
  clear(): void {
    for (const chunk of this.#chunks.takeAll()) this.#taken(chunk.length);
  }

  async pull(signal: AbortSignal): Promise<Buffer | undefined> {
    while (this.#chunks.isEmpty && !this.#ended) {
      const pushed = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await unlessAborted(signal, pushed);
    }
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) this.#taken(chunk.length);
    return chunk;
  }
}

/** Gathers a command's small writes. */
export class Output {
  readonly #sink: Sink;
  readonly #signal: AbortSignal;
  #pieces: string[] = [];
  #length = 0;

  constructor(sink: Sink, signal: AbortSignal) {
    this.#sink = sink;
    this.#signal = signal;
  }

  /** @param text bytes, one a char */
  async print(text: string): Promise<void> {
    this.#pieces.push(text);
    this.#length += text.length;
    if (this.#length >= 32 * 1024) await this.flush();
  }

  async write(data: Buffer): Promise<void> {
    if (this.#length > 0) await this.flush();
    await unlessAborted(this.#signal, this.#sink.write(data));
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const data = Buffer.from(this.#pieces.join(""), "latin1");
    this.#pieces = [];
    this.#length = 0;
    await unlessAborted(this.#signal, this.#sink.write(data));
  }

  /** {@link Sink.packed} for what was printed and written. */
  async packed(): Promise<void> {
    await this.flush();
    if (this.#sink.packed !== undefined) await unlessAborted(this.#signal, this.#sink.packed());
  }
}
