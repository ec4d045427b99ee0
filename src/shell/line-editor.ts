import { createInterface, type Interface } from "node:readline";
import { Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { setImmediate } from "node:timers/promises";
import type { ByteString } from "../vfs/path.ts";
import type { Completion } from "./complete.ts";
import { unlessAborted } from "./io.ts";
import type { Pty } from "./pty.ts";
import { encodeText } from "./text.ts";

/** Chars of a line: each key in the middle of it may cost so much work and output. */
const MAX_LINE = 4096;

const HISTORY = 200;

/** Readline would take them for text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what these keys are
const MEANINGLESS = /[\x00\x1c-\x1e]/;

/** Ctrl-C, Ctrl-D, line feed and return. */
const ENDS: ReadonlySet<number> = new Set([0x03, 0x04, 0x0a, 0x0d]);

/** Keys handled before others have their turn. */
const TURN = 64;

/** The screen as node:readline wants it. */
class Screen extends Writable {
  readonly #pty: Pty;

  constructor(pty: Pty) {
    super({ highWaterMark: 64 * 1024 });
    this.#pty = pty;
    // Nobody reads any more: whoever waits for it learns so by its signal.
    this.on("error", () => {});
  }

  /** asked for by readline */
  get columns(): number {
    return this.#pty.columns;
  }

  override _write(data: Buffer, _encoding: string, done: (error?: Error) => void): void {
    // Readline writes carriage returns itself.
    this.#pty.rawOutput.write(data).then(() => done(), done);
  }
}

/** Lines typed at a terminal, edited with node:readline. */
export class LineEditor {
  readonly #pty: Pty;
  readonly #complete: (line: string) => Promise<Completion>;
  readonly #decoder = new StringDecoder("utf8");
  readonly #screen: Screen;
  #resized = false;
  #resizing = false;
  #history: string[] = [];

  /** @param complete must not reject */
  constructor(pty: Pty, complete: (line: string) => Promise<Completion>) {
    this.#pty = pty;
    this.#complete = complete;
    this.#screen = new Screen(pty);
    pty.onResize = () => this.#resize();
  }

  /** Each one draws the whole line again: twice at most for all of a turn, and only for one who reads. */
  #resize(): void {
    this.#resized = true;
    if (this.#resizing) return;
    this.#resizing = true;
    this.#redraw();
    void setImmediate().then(() => {
      this.#resizing = false;
      this.#redraw();
    });
  }

  #redraw(): void {
    if (!this.#resized || this.#screen.writableNeedDrain) return;
    this.#resized = false;
    this.#screen.emit("resize");
  }

  /** One line; "" after Ctrl-C, undefined after Ctrl-D or at the end of the input. */
  async readLine(prompt: string, signal: AbortSignal): Promise<ByteString | undefined> {
    // Readline's state can't be reset from outside, so each line has its own.
    const edit = new Edit(prompt, this.#screen, this.#history, this.#complete);
    try {
      while (!edit.finished) {
        const chunk = await this.#pty.keys.read(signal, TURN);
        if (chunk === undefined) return undefined;
        const end = lineEnd(chunk);
        const rest = await edit.type(this.#decoder.write(chunk.subarray(0, end)), signal);
        this.#pty.keys.unread(Buffer.concat([Buffer.from(rest), chunk.subarray(end)]));
        await setImmediate();
      }
    } finally {
      this.#history = await edit.close();
    }
    return edit.line === undefined ? undefined : encodeText(edit.line);
  }
}

/** Bytes up to the first key that ends a line: those behind it may be a password, or no text at all. */
function lineEnd(chunk: Buffer): number {
  const at = chunk.findIndex((byte) => ENDS.has(byte));
  return at < 0 ? chunk.length : at + 1;
}

/** One line being edited. */
class Edit {
  finished = false;
  line: string | undefined;
  readonly #keys = new Readable({ read() {} });
  readonly #screen: Screen;
  readonly #readline: Interface;
  #history: string[];
  /** resolves when a completion under way is done */
  #completing: Promise<void> | undefined;

  constructor(
    prompt: string,
    screen: Screen,
    history: string[],
    completer: (line: string) => Promise<Completion>,
  ) {
    this.#screen = screen;
    this.#history = history;
    this.#readline = createInterface({
      input: this.#keys,
      output: screen,
      terminal: true,
      prompt,
      history: [...history],
      historySize: HISTORY,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        this.#completing = completer(line).then(({ start, candidates }) => {
          done(null, [[...candidates], line.slice(start)]);
        });
      },
    });
    this.#listen();
    this.#readline.prompt();
  }

  #listen(): void {
    const readline = this.#readline;
    readline.on("line", (line) => this.#finish(line));
    readline.on("history", (history) => {
      this.#history = history;
    });
    readline.on("SIGINT", () => {
      readline.write(null, { ctrl: true, name: "e" });
      this.#screen.write("^C\r\n");
      this.#finish("");
    });
    // Without a listener Ctrl-Z would stop the server's process.
    readline.on("SIGTSTP", () => {});
    readline.on("close", () => {
      if (!this.finished) this.#screen.write("\r\n");
      this.finished = true;
    });
  }

  #finish(line: string): void {
    if (this.finished) return;
    this.finished = true;
    this.line = line;
  }

  /** Takes keys until the line is complete. Resolves to those that are left. */
  async type(text: string, signal: AbortSignal): Promise<string> {
    const chars = [...text];
    for (const [index, char] of chars.entries()) {
      if (this.finished) return chars.slice(index).join("");
      if (MEANINGLESS.test(char)) continue;
      // Not through the stream's buffer: each key is to have its effect before the next one.
      this.#keys.emit("data", char);
      if (this.#readline.line.length > MAX_LINE) {
        this.#readline.write(null, { name: "backspace" });
        this.#screen.write("\x07");
      }
      await this.#completed();
      if (this.#screen.writableNeedDrain) await this.#drained(signal);
    }
    return "";
  }

  /** Ends it. Gives the history with this line. */
  async close(): Promise<string[]> {
    this.finished = true;
    // Closed in the middle of a completion, readline would throw where nobody can catch it.
    await this.#completed();
    this.#readline.close();
    return this.#history;
  }

  async #completed(): Promise<void> {
    if (this.#completing === undefined) return;
    await this.#completing;
    this.#completing = undefined;
    // Readline takes the result up in promises of its own.
    await setImmediate();
  }

  async #drained(signal: AbortSignal): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#screen.once("drain", resolve);
    });
    await unlessAborted(signal, drained);
  }
}
