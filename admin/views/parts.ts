import { bar, percentText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { listRows } from "../lists.ts";
import type { Cursor, Model } from "../model.ts";
import { type Line, padLine, restyle, type Style, sized, span } from "../text.ts";

/** Where a view's own lines begin, and where its list does. */
export const BODY = 2;
export const LIST = BODY + 2;

export interface Column {
  readonly title: string;
  /** 0: what the others leave */
  readonly width: number;
  /** "start": what is cut off is cut off at the start */
  readonly align?: "right" | "start";
  /** the number to sort by it, when it can be sorted by */
  readonly sort?: number;
  readonly sorted?: "up" | "down" | undefined;
}

/** A cell: text in a style, or a line that is as wide as the column. */
export type CellText = string | readonly [string, Style] | Line;

export interface Table {
  readonly columns: readonly Column[];
  /** the row of an index; undefined: not there yet */
  readonly row: (index: number) => readonly CellText[] | undefined;
  /** a row that isn't in columns */
  readonly line?: (index: number) => Line | undefined;
  /** whether it is one of those that are changed together */
  readonly marked?: (index: number) => boolean;
  readonly count: number;
  readonly cursor: Cursor;
  /** shown instead of rows when there are none */
  readonly empty: string;
}

export function widths(columns: readonly Column[], total: number): number[] {
  const fixed = columns.reduce((sum, { width }) => sum + width, 0);
  const rest = Math.max(1, total - fixed - (columns.length - 1) - 2);
  return columns.map(({ width }) => (width === 0 ? rest : width));
}

/** A header and the rows that fit, one of them selected. */
export function drawTable(frame: Frame, model: Model, table: Table): void {
  const { columns, cursor, count } = table;
  const wide = widths(columns, frame.columns);
  drawHeader(frame, columns, wide);
  if (count === 0) {
    frame.put(1, LIST, [span(table.empty)]);
    return;
  }
  const rows = listRows(model);
  for (let at = 0; at < rows; at++) {
    const index = cursor.top + at;
    if (index >= count) break;
    const own = table.line?.(index) ?? joined(table.row(index) ?? ["…"], columns, wide);
    const line = padLine(
      [span(table.marked?.(index) ? "*" : " ", { bold: true }), ...own],
      frame.columns,
    );
    frame.put(0, LIST + at, index === cursor.index ? restyle(line, { reverse: true }) : line);
    frame.click(0, LIST + at, frame.columns, 1, { kind: "row", index });
  }
}

function drawHeader(frame: Frame, columns: readonly Column[], wide: readonly number[]): void {
  const style = { bold: true, underline: true };
  let x = 1;
  const cells: CellText[] = [];
  columns.forEach(({ title, sort, sorted }, at) => {
    const mark = sorted === undefined ? "" : sorted === "up" ? "▲" : "▼";
    cells.push([`${title}${mark}`, style]);
    const width = wide[at] ?? 0;
    if (sort !== undefined) frame.click(x, LIST - 1, width, 1, { kind: "sort", column: sort });
    x += width + 1;
  });
  const line = [span(" ", style), ...joined(cells, columns, wide)];
  frame.put(0, LIST - 1, padLine(restyle(line, style), frame.columns, style));
}

function joined(
  cells: readonly CellText[],
  columns: readonly Column[],
  wide: readonly number[],
): Line {
  return cells.flatMap((cell, at) => {
    const width = wide[at] ?? 0;
    const gap = at === 0 ? [] : [span(" ")];
    if (typeof cell === "string") return [...gap, span(sized(cell, width, columns[at]?.align))];
    if (isStyled(cell)) return [...gap, span(sized(cell[0], width, columns[at]?.align), cell[1])];
    return [...gap, ...padLine(cell, width)];
  });
}

function isStyled(cell: readonly [string, Style] | Line): cell is readonly [string, Style] {
  return typeof cell[0] === "string";
}

/** The two warning levels of a quota. */
export const WARN = 0.8;
const ALARM = 0.95;

function quotaStyle(part: number | null): Style {
  if (part === null || part < WARN) return { fg: "green" };
  return part < ALARM ? { fg: "yellow", bold: true } : { fg: "red", bold: true };
}

/** A bar with its percent, in `columns`; "!" and "!!" say the warning level without colours. */
export function quotaBar(part: number | null, columns: number): Line {
  if (part === null) return [span(sized("no limit", columns))];
  const style = quotaStyle(part);
  const mark = part < WARN ? "  " : part < ALARM ? "! " : "!!";
  return [
    span(bar(part, columns - 8), style),
    span(percentText(part).padStart(6), style),
    span(mark, style),
  ];
}

/** "label value" pairs, the values bold. */
export function pairs(...texts: readonly (readonly [string, string])[]): Line {
  return texts.flatMap(([label, value], at) => [
    span(`${at === 0 ? "" : "   "}${label === "" ? "" : `${label} `}`),
    span(value, { bold: true }),
  ]);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
