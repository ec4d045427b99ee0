import { type Column, type Fitted, fitted, HEAD, headText } from "../columns.ts";
import { bar, percentText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { LISTS, listRows, tableRoom } from "../lists.ts";
import { marksOf } from "../marks.ts";
import type { Cursor, Model } from "../model.ts";
import { type Line, padLine, restyle, type Style, selected, sized, span } from "../text.ts";

export type { Column };

/** Where a view's own lines begin, and where its list does. */
export const BODY = 2;
export const LIST = BODY + 2;

/** A cell: text, text in a style, or a line of so many columns, which may begin with a gauge. */
export type CellText = string | readonly [string, Style] | Line | ((width: number) => Line);

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
  /** lines that stand between the view's first line and the table */
  readonly above?: number;
}

/** A header and the rows that fit, one of them selected. */
export function drawTable(frame: Frame, model: Model, table: Table): void {
  const { columns, cursor, count, above = 0 } = table;
  const wide = fitted(columns, tableRoom(frame));
  const top = LIST + above;
  drawHeader(frame, columns, wide, top - 1);
  if (count === 0) {
    frame.put(1, top, [span(table.empty)]);
    return;
  }
  const rows = Math.max(1, listRows(model) - above);
  const isMarked = table.marked ?? markedRows(model);
  for (let at = 0; at < rows; at++) {
    const index = cursor.top + at;
    if (index >= count) break;
    const own = table.line?.(index) ?? joined(table.row(index) ?? ["…"], columns, wide);
    const line = padLine([isMarked(index) ? MARK : span(" "), ...own], frame.columns);
    frame.put(0, top + at, index === cursor.index ? selected(line) : line);
    frame.click(0, top + at, frame.columns, 1, { kind: "row", index });
  }
}

/** Shown beside a row that is marked. */
const MARK = span("*", { bold: true, fg: "yellow" });

function markedRows(model: Model): (index: number) => boolean {
  const marked = new Set(marksOf(model));
  const ids = marked.size === 0 ? [] : (LISTS[model.view]?.ids?.(model) ?? []);
  return (index) => marked.has(ids[index] ?? "");
}

function drawHeader(
  frame: Frame,
  columns: readonly Column[],
  wide: readonly Fitted[],
  y: number,
): void {
  const line = joined(
    columns.map((column) => [headText(column), HEAD] as const),
    columns,
    wide,
  );
  let x = 1;
  for (const { at, width } of wide) {
    const sort = columns[at]?.sort;
    if (sort !== undefined) frame.click(x, y, width, 1, { kind: "sort", column: sort });
    x += width + 1;
  }
  const whole = padLine([span(" "), ...line], frame.columns);
  frame.put(0, y, restyle(whole, HEAD));
}

/** The cells of the columns that are shown. */
function joined(
  cells: readonly CellText[],
  columns: readonly Column[],
  wide: readonly Fitted[],
): Line {
  return wide.flatMap(({ at, width }, place) => {
    const cell = cells[at] ?? "";
    const align = columns[at]?.align;
    const gap = place === 0 ? [] : [span(" ", startsWithGauge(cell) ? { gauge: true } : {})];
    if (typeof cell === "function") return [...gap, ...padLine(cell(width), width)];
    if (typeof cell === "string") return [...gap, span(sized(cell, width, align))];
    if (isStyled(cell)) return [...gap, span(sized(cell[0], width, align), cell[1])];
    return [...gap, ...padLine(cell, width)];
  });
}

function startsWithGauge(cell: CellText): boolean {
  if (typeof cell === "function") return cell(LEAST_GAUGE)[0]?.style.gauge === true;
  return typeof cell !== "string" && !isStyled(cell) && cell[0]?.style.gauge === true;
}

/** Narrower than any column with a gauge. */
const LEAST_GAUGE = 10;

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
    ...gauge(part, columns - 8, style),
    span(percentText(part).padStart(5), style),
    span(mark, style),
  ];
}

/** A bar and an empty cell behind it, which keeps it apart from what is selected. */
export function gauge(part: number, columns: number, style: Style = { fg: "cyan" }): Line {
  const own = { ...style, gauge: true };
  return [span(bar(part, columns), own), span(" ", own)];
}

/** "label value" pairs, the values bold. */
export function pairs(...texts: readonly (readonly [string, string])[]): Line {
  return texts.flatMap(([label, value], at) => [
    span(`${at === 0 ? "" : "   "}${label === "" ? "" : `${label} `}`),
    span(value, { bold: true }),
  ]);
}
