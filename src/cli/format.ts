import { safeJson, visible } from "../text/safe.ts";
import { formatSize, roundSize } from "../text/units.ts";
import { padTo, width } from "../text/width.ts";
import type { Io } from "./io.ts";

export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

type Style = "bold" | "dim" | "red" | "green" | "yellow";

const SGR: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

export function paint(io: Pick<Io, "colour">, style: Style, text: string): string {
  if (!io.colour) return text;
  const [on, off] = SGR[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Columns two spaces apart, one line a row; the titles are bold where there are colours. */
export function table(
  io: Pick<Io, "colour">,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map((row) => row.map(visible));
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...cells.map((row) => width(row[index] ?? ""))),
  );
  const line = (texts: readonly string[]) =>
    columns
      .map(({ right }, index) => {
        return padTo(texts[index] ?? "", widths[index] ?? 0, right ? "right" : "left");
      })
      .join("  ")
      .trimEnd();
  const titles = paint(io, "bold", line(columns.map(({ title }) => title)));
  return `${[titles, ...cells.map(line)].join("\n")}\n`;
}

/** "name  value" lines. */
export function fields(pairs: readonly (readonly [string, string])[]): string {
  const widest = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(widest)}  ${visible(value)}\n`).join("");
}

export function json(value: unknown): string {
  return `${safeJson(value, 2)}\n`;
}

/** @param bytes null: no limit */
export function quotaText(bytes: number | null): string {
  if (bytes === null) return "none";
  const exact = formatSize(bytes);
  return /\D/.test(exact) ? exact.replace(/(?=[A-Z])/, " ") : roundSize(bytes);
}
