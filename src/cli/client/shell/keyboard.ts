import {
  clearScreenDown,
  createInterface,
  cursorTo,
  type Interface,
  moveCursor,
} from "node:readline";
import { PassThrough, Writable } from "node:stream";
import type { ReadStream, WriteStream } from "node:tty";
import { fitted } from "../../layout.ts";

const CTRL_C = 0x03;
const CTRL_Z = 0x1a;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const TAB = 0x09;

const STOPS: ReadonlySet<number> = new Set([TAB, CARRIAGE_RETURN, LINE_FEED]);

/** Bytes typed ahead while a command runs; what comes after them is dropped. */
const MAX_AHEAD = 64 * 1024;

export type Completer = (line: string) => Promise<[candidates: string[], typed: string]>;

export interface LineOptions {
  /** false: nothing of what is typed is shown, nothing is remembered */
  readonly echo?: boolean;
  readonly complete?: Completer;
  /** newest first, as node:readline keeps it; the line is added to it */
  readonly history?: string[];
  /** Ctrl-C empties the line instead of ending it */
  readonly clearing?: boolean;
}

interface LineUnderWay {
  readonly keys: PassThrough;
  readonly reader: Interface;
  over: boolean;
  /** readline waits for a completion */
  waiting: boolean;
}

/**
 * A terminal's keys, read by lines with node:readline. Between two lines it reads on, so that Ctrl-C
 * is heard while a command runs, nothing typed then spoils the screen, and what was typed (or
 * pasted) ahead is the next line.
 */
export class Keyboard {
  /** Ctrl-C while no line is read */
  onInterrupt: () => void = () => {};
  readonly #input: ReadStream;
  readonly #output: NodeJS.WritableStream;
  #ahead: Buffer = Buffer.alloc(0);
  #line: LineUnderWay | undefined;
  #afterReturn = false;
  #ended = false;
  readonly #onData = (chunk: Buffer): void => this.#receive(chunk);
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#line?.reader.close();
  };
  readonly #onContinue = (): void => this.#wake();

  constructor(input: ReadStream, output: NodeJS.WritableStream) {
    this.#input = input;
    this.#output = output;
    input.setRawMode(true);
    input.on("data", this.#onData);
    input.on("end", this.#onEnd);
    input.on("error", this.#onEnd);
    process.on("SIGCONT", this.#onContinue);
  }

  get #columns(): number | undefined {
    return (this.#output as Partial<WriteStream>).columns || undefined;
  }

  /** A line above the next question. */
  show(line: string): void {
    this.#output.write(`${line}\n`);
  }

  /** The next line; undefined at Ctrl-D on an empty one, at Ctrl-C, and when the terminal is gone. */
  async line(prompt: string, options: LineOptions = {}): Promise<string | undefined> {
    const keys = new PassThrough();
    const echo = options.echo ?? true;
    const output = echo ? this.#output : nowhere();
    if (!echo) this.#output.write(prompt);
    const reader = createInterface({
      input: keys,
      output,
      terminal: true,
      prompt: echo ? prompt : "",
      history: echo ? (options.history ?? []) : [],
      historySize: options.history === undefined || !echo ? 0 : 1000,
      removeHistoryDuplicates: true,
      ...(options.complete === undefined ? {} : { completer: completer(options.complete) }),
    });
    const line: LineUnderWay = { keys, reader, over: false, waiting: false };
    this.#line = line;
    try {
      return await this.#read(line, options, prompt);
    } finally {
      this.#line = undefined;
      reader.close();
      if (!echo) this.#output.write("\n");
    }
  }

  /**
   * Shows a line above what is being typed.
   * @param text safe for a terminal
   * @param last true when no more is to be typed
   */
  tell(text: string, last: boolean): void {
    const reader = this.#line?.reader;
    if (reader === undefined) return;
    const { rows } = reader.getCursorPos();
    // The prompt and what is typed are cleared here, and drawn anew below the line.
    moveCursor(this.#output, 0, -rows);
    cursorTo(this.#output, 0);
    clearScreenDown(this.#output);
    // Closing the reader ends the line on the terminal, so no new line is needed here.
    const shown = fitted(`${text}\n`, this.#columns);
    this.#output.write(last ? shown.trimEnd() : shown);
    if (last) {
      reader.close();
      return;
    }
    Object.assign(reader, { prevRows: 0 });
    reader.prompt(true);
  }

  /** Gives the terminal back. */
  close(): void {
    this.#input.off("data", this.#onData);
    this.#input.off("end", this.#onEnd);
    process.off("SIGCONT", this.#onContinue);
    this.#input.pause();
    this.#setRaw(false);
  }

  #read(line: LineUnderWay, options: LineOptions, prompt: string): Promise<string | undefined> {
    const { reader } = line;
    return new Promise((resolve) => {
      const echo = options.echo ?? true;
      let result: string | undefined;
      reader.on("line", (text) => {
        result = text;
        reader.close();
      });
      reader.on("pause", () => {
        line.waiting = true;
      });
      reader.on("resume", () => {
        line.waiting = false;
        // Readline shows what it completed right after this.
        setImmediate(() => this.#feed());
      });
      reader.on("close", () => {
        line.over = true;
        if (result === undefined && echo) this.#output.write("\n");
        resolve(result);
      });
      reader.on("SIGINT", () => {
        if (!options.clearing) {
          reader.close();
          this.onInterrupt();
          return;
        }
        this.#output.write("^C\n");
        Object.assign(reader, { line: "", cursor: 0, prevRows: 0 });
        reader.prompt();
      });
      reader.on("SIGTSTP", () => this.#suspend());
      if (options.history !== undefined && echo) {
        const { history } = options;
        reader.on("history", (lines: string[]) => history.splice(0, history.length, ...lines));
      }
      if (echo) reader.setPrompt(prompt);
      reader.prompt();
      if (this.#ended) return reader.close();
      this.#feed();
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#line === undefined) {
      if (chunk.includes(CTRL_C)) {
        // What was typed before it was meant for what it stops.
        this.#ahead = Buffer.alloc(0);
        this.onInterrupt();
        return;
      }
      if (chunk.includes(CTRL_Z)) {
        this.#suspend();
        return;
      }
    }
    this.#ahead = Buffer.concat([this.#ahead, chunk]).subarray(0, MAX_AHEAD);
    this.#feed();
  }

  /**
   * Gives the line under way its keys, up to its end: the rest belongs to the next one. Readline
   * would take keys behind a Tab before it has completed.
   */
  #feed(): void {
    const line = this.#line;
    while (line !== undefined && !line.over && !line.waiting) {
      if (this.#afterReturn && this.#ahead[0] === LINE_FEED) this.#ahead = this.#ahead.subarray(1);
      this.#afterReturn = false;
      if (this.#ahead.length === 0) return;
      const stop = this.#ahead.findIndex((key) => STOPS.has(key));
      const keys = stop < 0 ? this.#ahead : this.#ahead.subarray(0, stop + 1);
      this.#afterReturn = keys.at(-1) === CARRIAGE_RETURN;
      this.#ahead = this.#ahead.subarray(keys.length);
      // Not written: readline has to have seen them when this returns.
      line.keys.emit("data", keys);
    }
  }

  #setRaw(raw: boolean): void {
    try {
      this.#input.setRawMode(raw);
    } catch {
      // The terminal is gone.
    }
  }

  #suspend(): void {
    this.#setRaw(false);
    // The whole group, as a terminal does it: a shell waits for who started this process.
    process.kill(0, "SIGTSTP");
  }

  #wake(): void {
    this.#setRaw(true);
    this.#line?.reader.prompt(true);
  }
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

/** As node:readline calls it. */
function completer(complete: Completer) {
  return (line: string, done: (error: null, result: [string[], string]) => void): void => {
    complete(line).then(
      (result) => done(null, result),
      () => done(null, [[], line]),
    );
  };
}
