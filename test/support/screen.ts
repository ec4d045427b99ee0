import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";
import type { AdminTerminal } from "../../admin/types.ts";
import { charWidth } from "../../src/text/width.ts";

/** A text for the clipboard follows, up to a BEL (OSC 52). */
const CLIPBOARD = "\u001b]52;c;";

const COMMAND =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals understand begins with one
  /^(?:\u001b\[([?>]?)([0-9;]*)([A-Za-z])|\u001b([78=>c]|\([0B]))/;

/** As much of a terminal as the admin screen needs; anything else that it is sent is an error. */
export class Screen {
  columns: number;
  rows: number;
  cells: string[][] = [];
  /** private modes that are on: 1049 the alternate screen, 25 the cursor, 1000 and 1006 the mouse */
  readonly modes = new Set([25]);
  #x = 0;
  #y = 0;
  #saved = [0, 0] as const as readonly [number, number];
  #rest = "";

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
    this.#clear();
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#clear();
  }

  get text(): string {
    return this.cells.map((row) => row.join("").trimEnd()).join("\n");
  }

  write(text: string): void {
    let rest = this.#rest + text;
    this.#rest = "";
    while (rest !== "") {
      if (rest[0] !== "\u001b") {
        const ch = String.fromCodePoint(rest.codePointAt(0) ?? 0);
        this.#put(ch);
        rest = rest.slice(ch.length);
        continue;
      }
      if (rest.startsWith(CLIPBOARD)) {
        rest = rest.slice(rest.indexOf("\u0007") + 1);
        continue;
      }
      const match = COMMAND.exec(rest);
      if (match === null) throw new Error(`not understood: ${JSON.stringify(rest.slice(0, 20))}`);
      const [all, mark = "", numbers = "", last = "", short = ""] = match;
      if (last !== "") this.#control(mark, numbers, last);
      else this.#short(short);
      rest = rest.slice(all.length);
    }
  }

  #put(ch: string): void {
    if (ch < " " || (ch >= "\u007f" && ch < "\u00a0")) {
      throw new Error(`a control character was sent: ${JSON.stringify(ch)}`);
    }
    const width = charWidth(ch);
    const row = this.cells[this.#y];
    if (row === undefined || this.#x + width > this.columns) throw new Error("beyond the edge");
    // Half of a wide character that is written over goes.
    if (row[this.#x] === "") row[this.#x - 1] = " ";
    if (row[this.#x + width] === "") row[this.#x + width] = " ";
    row[this.#x] = ch;
    if (width === 2) row[this.#x + 1] = "";
    this.#x += width;
  }

  #control(mark: string, numbers: string, last: string): void {
    const [first = 0, second = 0] = numbers.split(";").map(Number);
    if (mark === "?" && (last === "h" || last === "l")) {
      for (const mode of numbers.split(";").map(Number)) {
        if (last === "h") this.modes.add(mode);
        else this.modes.delete(mode);
      }
      if (first === 1049) this.#clear();
      return;
    }
    switch (last) {
      case "H":
        this.#y = Math.max(1, first) - 1;
        this.#x = Math.max(1, second) - 1;
        return;
      case "C":
        this.#x += Math.max(1, first);
        return;
      case "J":
        this.#clear();
        return;
      case "K":
        this.cells[this.#y]?.fill(" ", this.#x);
        return;
      case "m":
      case "r":
      case "l":
      case "c":
        return;
      default:
        throw new Error(`not understood: ${mark}${numbers}${last}`);
    }
  }

  #short(name: string): void {
    if (name === "7") this.#saved = [this.#x, this.#y];
    if (name === "8") [this.#x, this.#y] = this.#saved;
  }

  #clear(): void {
    this.cells = Array.from({ length: this.rows }, () => Array(this.columns).fill(" "));
  }
}

/** A terminal in memory: keys go in by `press`, and what is drawn is on `screen`. */
export class FakeTerminal implements AdminTerminal {
  readonly screen: Screen;
  readonly input = new PassThrough();
  readonly output: Writable & { columns?: number; rows?: number };
  readonly term: string;
  readonly colour: boolean;
  /** everything that was sent */
  sent = "";
  /** holds what is sent back until `flow` */
  stuck = false;
  #resume: (() => void) | undefined;
  #claimed: { columns: number; rows: number } | undefined;
  readonly #resized = new EventEmitter();

  constructor({ columns = 80, rows = 24, term = "xterm-256color", colour = true } = {}) {
    this.screen = new Screen(columns, rows);
    this.term = term;
    this.colour = colour;
    this.output = new Writable({
      decodeStrings: false,
      highWaterMark: 1024,
      write: (chunk: Buffer | string, _encoding, done) => {
        const text = String(chunk);
        this.sent += text;
        if (this.#claimed === undefined) this.screen.write(text);
        if (this.stuck) this.#resume = done;
        else done();
      },
    });
  }

  get listeners(): number {
    return this.#resized.listenerCount("resize");
  }

  size(): { columns: number; rows: number } {
    return this.#claimed ?? { columns: this.screen.columns, rows: this.screen.rows };
  }

  onResize(listener: () => void): void {
    this.#resized.on("resize", listener);
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    this.#resized.emit("resize");
  }

  /** Says that it is of some size, and shows nothing from now on. */
  claim(columns: number, rows: number): void {
    this.#claimed = { columns, rows };
    this.#resized.emit("resize");
  }

  press(keys: string): void {
    this.input.write(keys);
  }

  /** The terminal takes what it is sent again. */
  flow(): void {
    this.stuck = false;
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }
}
