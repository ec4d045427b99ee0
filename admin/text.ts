import { escaped as asCode, isSafe } from "../src/text/safe.ts";
import { charWidth } from "../src/text/width.ts";
import { groupedText } from "./format.ts";

/** Text as terminals show it. All that comes from outside goes through {@link safe} first. */

export type Colour = "red" | "green" | "yellow" | "cyan";

export interface Style {
  readonly fg?: Colour;
  readonly bold?: boolean;
  readonly reverse?: boolean;
  readonly underline?: boolean;
  /** drawn by full and empty cells: where a row is selected it stays as it is */
  readonly gauge?: boolean;
}

export interface Span {
  /** already safe */
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Span[];

const PLAIN: Style = {};
const ASCII = /^[ -~]*$/;

/** Letters, digits, punctuation and symbols that stand alone; marks and format characters don't. */
const STANDS_ALONE = /^[\p{L}\p{N}\p{P}\p{S} ]$/u;

/** Combine with what comes before or after them, each terminal in its own way. */
const COMBINES = /[\u1160-\u11ff\ud7b0-\ud7ff\u{1f1e6}-\u{1f1ff}\u{1f3fb}-\u{1f3ff}]/u;

/**
 * Text without anything that could steer a terminal or move what stands beside it: control and
 * format characters, and marks that combine, are written as their code: `\x1b`, `\u{202e}`.
 */
export function safe(text: string): string {
  if (ASCII.test(text)) return text;
  let out = "";
  for (const ch of text.normalize("NFC")) out += alone(ch) ? ch : escaped(ch);
  return out;
}

function alone(ch: string): boolean {
  return isSafe(ch) && STANDS_ALONE.test(ch) && !COMBINES.test(ch);
}

function escaped(ch: string): string {
  if (ch === "\n") return "\\n";
  return ch === "\t" ? "\\t" : asCode(ch);
}

/** Columns that safe text takes. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const ch of text) width += charWidth(ch);
  return width;
}

/** Safe text in at most so many columns; what is cut off leaves an ellipsis. */
export function clip(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (textWidth(text) <= columns) return text;
  return `${head(text, columns - 1)}…`;
}

/** Like {@link clip}, but keeps the end: for paths, whose names are at their end. */
export function clipStart(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (textWidth(text) <= columns) return text;
  const back = [...text].reverse().join("");
  return `…${[...head(back, columns - 1)].reverse().join("")}`;
}

function head(text: string, columns: number): string {
  let out = "";
  let width = 0;
  for (const ch of text) {
    width += charWidth(ch);
    if (width > columns) break;
    out += ch;
  }
  return out;
}

/** Any text, made safe, in exactly so many columns. */
export function sized(text: string, columns: number, align: "left" | "right" | "start" = "left") {
  const shown = align === "start" ? clipStart(safe(text), columns) : clip(safe(text), columns);
  const pad = " ".repeat(Math.max(0, columns - textWidth(shown)));
  return align === "right" ? pad + shown : shown + pad;
}

/** A span of any text: it is made safe here. */
export function span(text: string, style: Style = PLAIN): Span {
  return { text: safe(text), style };
}

export function bold(text: string): Span {
  return span(text, { bold: true });
}

/** "1 file", "1,234 files" */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${groupedText(count)} ${count === 1 ? one : many}`;
}

function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + textWidth(text), 0);
}

/** A line with one style more on all of it. */
export function restyle(line: Line, style: Style): Line {
  return line.map((one) => ({ text: one.text, style: { ...one.style, ...style } }));
}

/**
 * A line as it looks where it is selected: the terminal's two colours turned round, and no other one
 * with them, which nobody could read on every background. A gauge turned round would show what is
 * free as what is used, so it stays.
 */
export function selected(line: Line): Line {
  return line.map(({ text, style }) => {
    if (style.gauge) return { text, style };
    return { text, style: style.bold ? { reverse: true, bold: true } : { reverse: true } };
  });
}

/** A line filled up with spaces to so many columns. */
export function padLine(line: Line, columns: number, style: Style = PLAIN): Line {
  const missing = columns - lineWidth(line);
  return missing <= 0 ? line : [...line, { text: " ".repeat(missing), style }];
}

/** Two parts, one at each end of so many columns; the left one gives way. */
export function ends(left: Line, right: Line, columns: number): Line {
  const room = columns - lineWidth(right);
  const shown = clipLine(left, Math.max(0, room - 1));
  return [...padLine(shown, room), ...right];
}

/** The first part, and behind it those of the others that fit, in their order. */
export function fittingParts(parts: readonly Line[], columns: number): Line {
  const line: Span[] = [];
  parts.forEach((part, at) => {
    if (at === 0 || lineWidth(line) + lineWidth(part) <= columns) line.push(...part);
  });
  return line;
}

/** A line in at most so many columns. It ends in an ellipsis when more than spaces was cut off. */
export function clipLine(line: Line, columns: number): Line {
  if (columns <= 0) return [];
  if (lineWidth(line) <= columns) return line;
  const whole = line.map(({ text }) => text).join("");
  if (textWidth(whole.trimEnd()) <= columns) return headLine(line, columns);
  const shown = headLine(line, columns - 1);
  return [...shown, { text: "…", style: shown.at(-1)?.style ?? PLAIN }];
}

function headLine(line: Line, columns: number): Span[] {
  const out: Span[] = [];
  let left = columns;
  for (const { text, style } of line) {
    if (left <= 0) break;
    const shown = head(text, left);
    if (shown !== "") out.push({ text: shown, style });
    if (shown !== text) break;
    left -= textWidth(shown);
  }
  return out;
}

/** Safe text in lines of at most so many columns, broken between words where there are any. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of safe(paragraph).split(" ")) {
      const longer = line === "" ? word : `${line} ${word}`;
      if (textWidth(longer) <= columns) {
        line = longer;
        continue;
      }
      if (line !== "") lines.push(line);
      let rest = word;
      while (textWidth(rest) > columns) {
        const part = head(rest, columns) || [...rest][0] || "";
        lines.push(part);
        rest = rest.slice(part.length);
      }
      line = rest;
    }
    lines.push(line);
  }
  return lines;
}
