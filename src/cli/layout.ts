import { width } from "../text/width.ts";
import { WORD, wrapped } from "../text/wrapped.ts";

// How text is laid out for a terminal: nothing is broken within a word, and what is below something stays
// below it. All help goes through here, and the sentences of a start.

/** Columns where nobody says how wide the terminal is. */
export const USUAL_COLUMNS = 80;

/** Longer lines of prose are hard to read. */
const MOST_COLUMNS = 100;

/** A second column that is narrower than this stands below the first one. */
const LEAST_NOTE = 24;

/** What goes on in the next line stands so much further right than where it began. */
const HANG = 4;

/** Behind what goes on, where somebody may copy a command from. */
const GOES_ON = " \\";

interface Row {
  readonly indent: number;
  readonly term: string;
  note: string;
}

/** Lines of one paragraph. */
export function flowed(text: string, columns: number = USUAL_COLUMNS): string[] {
  return wrapped(text, Math.min(columns, MOST_COLUMNS));
}

/** A line as it is, and on a terminal that is too narrow in several. @param columns absent: no terminal */
export function fitted(line: string, columns: number | undefined): string {
  if (columns === undefined || width(line.trimEnd()) <= columns) return line;
  return `${wrapped(line.trimEnd(), columns).join("\n")}\n`;
}

/**
 * Text of paragraphs and indented lists, whose second column begins behind two blanks, in lines that
 * fit. What fits as it is stays so, but for paragraphs, which flow.
 */
export function laidOut(text: string, columns: number = USUAL_COLUMNS): string {
  const blocks = blocksOf(text.split("\n"));
  return blocks.flatMap((block) => laidOutBlock(block, columns)).join("\n");
}

/** Lines that belong together: of a paragraph, of a list, or empty ones. */
function blocksOf(lines: readonly string[]): string[][] {
  const blocks: string[][] = [];
  let last = "";
  for (const line of lines) {
    const kind = line.trim() === "" ? "empty" : line.startsWith(" ") ? "list" : "paragraph";
    if (kind === last) blocks.at(-1)?.push(line);
    else blocks.push([line]);
    last = kind;
  }
  return blocks;
}

function laidOutBlock(block: readonly string[], columns: number): string[] {
  const [first = ""] = block;
  if (first.trim() === "") return [...block];
  if (!first.startsWith(" ")) return flowed(block.join(" "), columns);
  if (block.every((line) => width(line) <= columns)) return [...block];
  return laidOutList(block, columns);
}

function laidOutList(lines: readonly string[], columns: number): string[] {
  const rows = rowsOf(lines);
  const at = noteColumn(lines);
  const room = columns - at < LEAST_NOTE ? 0 : columns - at;
  return rows.flatMap(({ indent, term, note }) => {
    const margin = " ".repeat(indent);
    if (note === "") return hanging(margin, term, columns);
    if (longestWord(note) > room) {
      const below = " ".repeat(indent + HANG);
      return [...hanging(margin, term, columns), ...indented(below, note, columns)];
    }
    const [begin = "", ...more] = wrapped(note, room);
    const edge = " ".repeat(at);
    return [`${margin}${term}`.padEnd(at) + begin, ...more.map((line) => edge + line)];
  });
}

function rowsOf(lines: readonly string[]): Row[] {
  const rows: Row[] = [];
  for (const line of lines) {
    const { indent, term, note } = rowOf(line);
    const above = rows.at(-1);
    // Far to the right goes on what is above it.
    if (above !== undefined && indent > above.indent + 2 * HANG) above.note += ` ${term}`;
    else rows.push({ indent, term, note });
  }
  return rows;
}

function rowOf(line: string): Row {
  const [, margin = "", term = "", , note = ""] = /^( +)(.*?)( {2,}(\S.*))?$/.exec(line) ?? [];
  return { indent: margin.length, term, note };
}

/** Where the second column begins. */
function noteColumn(lines: readonly string[]): number {
  const starts = lines.flatMap((line) => {
    const { note } = rowOf(line);
    return note === "" ? [] : [width(line) - width(note)];
  });
  return Math.max(0, ...starts);
}

/** A command in as many lines as it needs, as a shell takes it. */
function hanging(margin: string, term: string, columns: number): string[] {
  const room = columns - margin.length;
  if (width(term) <= room) return [margin + term];
  const lines = wrapped(term, room - HANG - GOES_ON.length);
  const further = margin + " ".repeat(HANG);
  return lines.map((line, index) => {
    const end = index === lines.length - 1 ? "" : GOES_ON;
    return `${index === 0 ? margin : further}${line}${end}`;
  });
}

function indented(margin: string, text: string, columns: number): string[] {
  return wrapped(text, columns - margin.length).map((line) => margin + line);
}

function longestWord(text: string): number {
  return Math.max(0, ...Array.from(text.matchAll(WORD), ([word]) => width(word)));
}
