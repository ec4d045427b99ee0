import { EventEmitter } from "node:events";
import blessed from "blessed";
import type { Frame } from "./frame.ts";
import { terminalName } from "./terminal-name.ts";
import type { Colour, Style } from "./text.ts";
import type { AdminTerminal } from "./types.ts";

/** A terminal that blessed draws on. It gets no input: input.ts reads the keys. */
export interface Display {
  /** False: the terminal hasn't taken the last picture yet, and this one is left out. */
  draw(frame: Frame): boolean;
  /** Draws all of the next picture, and at this size. */
  resize(columns: number, rows: number): void;
  /** Puts a text into the clipboard of the terminal, where it allows that (OSC 52). */
  copy(text: string): void;
  /** Gives the terminal back as it was; {@link enter} takes it again. */
  leave(): void;
  enter(): void;
  close(): void;
}

type BlessedCell = [attributes: number, ch: string];
type BlessedLine = BlessedCell[] & { dirty: boolean };

/** What is used of blessed's program and screen, some of it without a public type. */
interface BlessedProgram {
  cols: number;
  rows: number;
  flush(): void;
  _write(text: string): void;
}

interface BlessedScreen {
  readonly lines: BlessedLine[];
  readonly olines: BlessedLine[];
  readonly tput: { brokenACS: boolean; unicode: boolean };
  alloc(): void;
  draw(from: number, to: number): void;
  enter(): void;
  leave(): void;
}

/** SGR mouse reports, and pastes told from typing (xterm's control sequences). */
const MODES_ON = "\u001b[?1000h\u001b[?1006h\u001b[?2004h";
const MODES_OFF = "\u001b[?2004l\u001b[?1006l\u001b[?1000l";

const COLOURS: Readonly<Record<Colour, number>> = { red: 1, green: 2, yellow: 3, cyan: 6 };
const DEFAULT_COLOUR = 0x1ff;

isolate();

/**
 * Keeps blessed away from the process: no lists of all screens, no handlers of signals, exit and
 * uncaught errors, nothing looked up by TERM, TMUX or TERMINFO of the server's own environment.
 */
function isolate(): void {
  const { Program, Screen, Tput } = blessed as unknown as {
    Program: { bind(program: unknown): void; prototype: object };
    Screen: { bind(screen: unknown): void };
    Tput: { ipaths: unknown[] };
  };
  Program.bind = () => {};
  Screen.bind = () => {};
  Tput.ipaths.length = 0;
  for (const name of ["tmux", "isVTE", "isXFCE", "isTerminator", "isRxvt", "isiTerm2"]) {
    Object.defineProperty(Program.prototype, name, { get: () => false, set: () => {} });
  }
}

/** What blessed takes for its output stream. */
class Output extends EventEmitter {
  readonly writable = true;
  readonly isTTY = true;
  readonly #terminal: AdminTerminal;
  columns: number;
  rows: number;
  /** the terminal has too much to show already */
  full = false;

  constructor(terminal: AdminTerminal, columns: number, rows: number) {
    super();
    this.#terminal = terminal;
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    if (!this.#terminal.output.write(text)) this.full = true;
    return true;
  }
}

/** @param onDrained the terminal can be drawn on again */
export function openDisplay(
  terminal: AdminTerminal,
  size: { columns: number; rows: number },
  onDrained: () => void,
): Display {
  const output = new Output(terminal, size.columns, size.rows);
  const { program, screen } = openScreen(terminal, output);
  const drained = () => {
    output.full = false;
    onDrained();
  };
  terminal.output.on("drain", drained);
  let open = true;
  const display: Display = {
    draw(frame) {
      if (output.full) return false;
      paint(screen, frame, terminal.colour);
      screen.draw(0, screen.lines.length - 1);
      program.flush();
      return true;
    },
    resize(columns, rows) {
      program.cols = columns;
      program.rows = rows;
      screen.alloc();
    },
    copy(text) {
      program._write(`\u001b]52;c;${Buffer.from(text).toString("base64")}\u0007`);
      program.flush();
    },
    leave() {
      if (!open) return;
      open = false;
      program._write(MODES_OFF);
      screen.leave();
      program.flush();
    },
    enter() {
      if (open) return;
      open = true;
      screen.enter();
      program._write(MODES_ON);
      program.flush();
    },
    close() {
      display.leave();
      terminal.output.removeListener("drain", drained);
    },
  };
  program._write(MODES_ON);
  program.flush();
  return display;
}

function openScreen(
  terminal: AdminTerminal,
  output: Output,
): { program: BlessedProgram; screen: BlessedScreen } {
  const program = blessed.program({
    input: new EventEmitter() as unknown as NodeJS.ReadStream,
    output: output as unknown as NodeJS.WriteStream,
    terminal: terminalName(terminal.term),
    forceUnicode: true,
  } as never);
  const screen = blessed.screen({ program, forceUnicode: true }) as unknown as BlessedScreen;
  // Line-drawing characters as themselves: the other character set is older than UTF-8.
  screen.tput.brokenACS = true;
  return { program: program as unknown as BlessedProgram, screen };
}

/** Puts a picture into blessed's cells. */
function paint(screen: BlessedScreen, frame: Frame, colour: boolean): void {
  frame.cells.forEach((row, y) => {
    const line = screen.lines[y];
    if (line === undefined) return;
    row.forEach(({ ch, style }, x) => {
      const cell = line[x];
      const attributes = attributesOf(style, colour);
      if (cell === undefined || (cell[0] === attributes && cell[1] === ch)) return;
      cell[0] = attributes;
      cell[1] = ch;
      line.dirty = true;
    });
    if (line.dirty) forgetWide(line, screen.olines[y]);
  });
}

/**
 * Both halves of a wide character are drawn anew whenever their line is: blessed moves over cells
 * that stayed the same one by one, and would lose count between the halves.
 */
function forgetWide(line: BlessedLine, old: BlessedLine | undefined): void {
  line.forEach(([, ch], x) => {
    if (ch !== "") return;
    for (const cell of [old?.[x - 1], old?.[x]]) if (cell !== undefined) cell[1] = "\0";
  });
}

/** blessed's packed attributes: flags, foreground, background. */
function attributesOf(style: Style, colour: boolean): number {
  const flags = (style.bold ? 1 : 0) | (style.underline ? 2 : 0) | (style.reverse ? 8 : 0);
  const fg = style.fg === undefined || !colour ? DEFAULT_COLOUR : COLOURS[style.fg];
  return (flags << 18) | (fg << 9) | DEFAULT_COLOUR;
}
