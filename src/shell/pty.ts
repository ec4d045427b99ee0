import type { PtySize } from "../channel.ts";
import { type ByteString, bytes } from "../vfs/path.ts";
import { interruption } from "./errors.ts";
import { Input, type LineTerminal, type Sink, type Source } from "./io.ts";
import type { ChannelStreams } from "./streams.ts";

const INTERRUPT = 0x03;
const END = 0x04;
const BACKSPACE = 0x08;
const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const KILL = 0x15;
const SPACE = 0x20;
const DELETE = 0x7f;

/** What a line may hold, as in Linux's terminals. */
const MAX_LINE = 4096;

const MAX_COLUMNS = 1000;
const USUAL_COLUMNS = 80;

/**
 * What a kernel's terminal does between the client's screen and a command: output with carriage
 * returns, lines edited and shown as they are typed, Ctrl-C.
 */
export class Pty implements LineTerminal {
  /** the client's keys as they come */
  readonly keys: Input;
  readonly output: Sink;
  /** output that has its carriage returns already */
  readonly rawOutput: Sink;
  /** called on Ctrl-C while a command runs; unset, the key is passed on */
  onInterrupt: (() => void) | undefined;
  onResize: () => void = () => {};
  #columns: number;
  readonly #streams: ChannelStreams;

  constructor(streams: ChannelStreams, { columns }: PtySize) {
    this.#streams = streams;
    this.#columns = usable(columns);
    this.keys = new Input(streams.input);
    this.rawOutput = streams.output;
    this.output = { write: (data) => streams.output.write(withReturns(data)) };
    streams.filter = (chunk) => this.#watch(chunk);
  }

  get columns(): number {
    return this.#columns;
  }

  resize({ columns }: PtySize): void {
    this.#columns = usable(columns);
    this.onResize();
  }

  /** The standard input of one command line: lines, until Ctrl-D. */
  lines(): Source {
    return {
      pull: async (signal) => {
        const line = await this.#line(signal, true);
        return line === undefined ? undefined : Buffer.from(line);
      },
    };
  }

  async readSecret(prompt: string, signal: AbortSignal): Promise<ByteString | undefined> {
    await this.output.write(Buffer.from(prompt));
    const line = await this.#line(signal, false);
    await this.output.write(Buffer.from("\n"));
    return line && bytes(Buffer.from(line.filter((byte) => byte !== LINE_FEED)));
  }

  /** Takes Ctrl-C out at once, with all that was typed before it. */
  #watch(chunk: Buffer): Buffer {
    const at = this.onInterrupt === undefined ? -1 : chunk.lastIndexOf(INTERRUPT);
    if (at < 0) return chunk;
    this.#streams.input.clear();
    this.#interrupt();
    return chunk.subarray(at + 1);
  }

  #interrupt(): void {
    this.output.write(Buffer.from("^C\n")).catch(() => {});
    this.onInterrupt?.();
  }

  /** One line with its newline, shown while it is typed; undefined for Ctrl-D at its start. */
  async #line(signal: AbortSignal, echo: boolean): Promise<number[] | undefined> {
    const line: number[] = [];
    for (;;) {
      const chunk = await this.keys.read(signal, 256);
      if (chunk === undefined) return line.length > 0 ? line : undefined;
      let shown = "";
      for (const [index, byte] of chunk.entries()) {
        if (byte === INTERRUPT) {
          // Typed before the command had begun.
          this.keys.unread(chunk.subarray(index + 1));
          this.#interrupt();
          throw interruption(signal);
        }
        const key = takeKey(line, byte);
        shown += key.shown;
        if (!key.done) continue;
        this.keys.unread(chunk.subarray(index + 1));
        if (echo) await this.#show(shown);
        return line.length > 0 ? line : undefined;
      }
      if (echo) await this.#show(shown);
    }
  }

  async #show(text: string): Promise<void> {
    await this.output.write(Buffer.from(text, "latin1"));
  }
}

/** A client may say 0 for what it doesn't know. */
function usable(columns: number): number {
  return columns > 0 ? Math.min(columns, MAX_COLUMNS) : USUAL_COLUMNS;
}

/** Changes the line as a key asks; what the screen is to show, and whether the line is complete. */
function takeKey(line: number[], byte: number): { shown: string; done: boolean } {
  switch (byte) {
    case RETURN:
    case LINE_FEED:
      line.push(LINE_FEED);
      return { shown: "\n", done: true };
    case END:
      return { shown: "", done: true };
    case KILL: {
      const columns = line.filter((one) => !isContinuation(one)).length;
      line.length = 0;
      return { shown: ERASE.repeat(columns), done: false };
    }
    case BACKSPACE:
    case DELETE:
      return { shown: eraseLast(line) ? ERASE : "", done: false };
  }
  if (line.length >= MAX_LINE) return { shown: "\x07", done: false };
  line.push(byte);
  const control = byte < SPACE && byte !== TAB;
  const shown = control ? `^${String.fromCharCode(byte + 0x40)}` : String.fromCharCode(byte);
  return { shown, done: false };
}

/** One column, as nearly all letters have. */
const ERASE = "\b \b";

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Removes a whole UTF-8 sequence. False when there is nothing. */
function eraseLast(line: number[]): boolean {
  while (isContinuation(line.at(-1) ?? 0)) line.pop();
  return line.pop() !== undefined;
}

/** A carriage return before each newline, which alone only moves down. */
function withReturns(data: Buffer): Buffer {
  if (!data.includes(LINE_FEED)) return data;
  return Buffer.from(data.toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}
