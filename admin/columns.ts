import { type Style, safe, textWidth } from "./text.ts";

/** Columns of tables, and which of them a terminal has room for. */

export interface Column {
  readonly title: string;
  /** at least; 0: what the others leave */
  readonly width: number;
  /** what it grows to while there is room */
  readonly most?: number;
  /**
   * The higher, the sooner it is left out where room is short; columns with the same go together.
   * Absent: it always stays.
   */
  readonly spare?: number;
  /** "start": what is cut off is cut off at the start */
  readonly align?: "right" | "start";
  /** the number to sort by it, when it can be sorted by */
  readonly sort?: number;
  readonly sorted?: "up" | "down" | undefined;
}

export interface Fitted {
  /** the number of the column among all */
  readonly at: number;
  readonly width: number;
}

/** A column that takes the rest has so many at least, or is left out. */
const LEAST_REST = 20;

const leastOf = ({ width }: Column): number => (width === 0 ? LEAST_REST : width);

/** Those that fit into so many columns of the terminal, a space between each, and how wide they are. */
export function fitted(columns: readonly Column[], total: number): readonly Fitted[] {
  const shown = remaining(columns, total);
  const wide = shown.map((at) => leastOf(columns[at] as Column));
  let left = total - wide.reduce((sum, width) => sum + width, shown.length - 1);
  shown.forEach((at, place) => {
    const { most = 0 } = columns[at] as Column;
    const more = Math.max(0, Math.min(left, most - (wide[place] ?? 0)));
    wide[place] = (wide[place] ?? 0) + more;
    left -= more;
  });
  const rest = shown.findIndex((at) => columns[at]?.width === 0);
  if (rest >= 0) wide[rest] = Math.max(1, (wide[rest] ?? 0) + left);
  return shown.map((at, place) => ({ at, width: wide[place] ?? 0 }));
}

/** Left out one after the other, until the others have room. */
function remaining(columns: readonly Column[], total: number): readonly number[] {
  let shown = columns.map((_, at) => at);
  for (;;) {
    const need = shown.reduce((sum, at) => sum + leastOf(columns[at] as Column), shown.length - 1);
    if (need <= total) return shown;
    const spares = shown.filter((at) => columns[at]?.spare !== undefined);
    if (spares.length === 0) return shown;
    const highest = Math.max(...spares.map((at) => columns[at]?.spare ?? 0));
    shown = shown.filter((at) => columns[at]?.spare !== highest);
  }
}

/** A column's title and, where the table is sorted by it, in which direction. */
export function headText({ title, sorted }: Column): string {
  if (sorted === undefined) return title;
  return `${title}${sorted === "up" ? "▲" : "▼"}`;
}

export const HEAD: Style = { bold: true, underline: true };

/** As wide as the longest text, within bounds. */
export function widest(texts: readonly string[], least: number, most: number): number {
  const longest = texts.reduce((most, text) => Math.max(most, textWidth(safe(text))), 0);
  return Math.max(least, Math.min(most, longest));
}
