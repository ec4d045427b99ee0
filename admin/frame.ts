import { charWidth } from "../src/text/width.ts";
import { clipLine, type Line, type Style } from "./text.ts";

/** What a click somewhere means. */
export type Target =
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "row"; readonly index: number }
  | { readonly kind: "sort"; readonly column: number }
  | { readonly kind: "field"; readonly index: number };

export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly target: Target;
}

export interface Cell {
  /** "": the right half of the wide character before it */
  ch: string;
  style: Style;
}

const EMPTY: Style = {};

/** A picture of the whole terminal, cell by cell, and what can be clicked in it. */
export class Frame {
  readonly columns: number;
  readonly rows: number;
  readonly cells: Cell[][];
  readonly regions: Region[] = [];

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.cells = Array.from({ length: rows }, () =>
      Array.from({ length: columns }, () => ({ ch: " ", style: EMPTY })),
    );
  }

  /** Puts a line at a place. It ends in an ellipsis when it doesn't fit into `width` columns or the frame. */
  put(x: number, y: number, line: Line, width = this.columns - x): void {
    const row = this.cells[y];
    if (row === undefined) return;
    let at = x;
    for (const { text, style } of clipLine(line, Math.min(width, this.columns - x))) {
      for (const ch of text) {
        const columns = charWidth(ch);
        this.#set(row, at, ch, style);
        if (columns === 2) this.#set(row, at + 1, "", style);
        at += columns;
      }
    }
  }

  #set(row: Cell[], at: number, ch: string, style: Style): void {
    const cell = row[at];
    if (cell === undefined) return;
    const next = row[at + 1];
    // Half a wide character can't stay.
    const before = row[at - 1];
    if (cell.ch === "" && ch !== "" && before !== undefined) before.ch = " ";
    if (next?.ch === "" && ch !== "") next.ch = " ";
    cell.ch = ch;
    cell.style = style;
  }

  /** Later regions lie above earlier ones. */
  click(x: number, y: number, width: number, height: number, target: Target): void {
    this.regions.push({ x, y, width, height, target });
  }

  /** Makes all that was clickable until now not so: a dialog lies above it. */
  cover(): void {
    this.regions.length = 0;
  }

  at(x: number, y: number): Target | undefined {
    return this.regions.findLast(
      (one) => x >= one.x && x < one.x + one.width && y >= one.y && y < one.y + one.height,
    )?.target;
  }

  /** The text alone, without spaces at the ends of lines. */
  toText(): string {
    return this.cells
      .map((row) =>
        row
          .map(({ ch }) => ch)
          .join("")
          .trimEnd(),
      )
      .join("\n");
  }
}
