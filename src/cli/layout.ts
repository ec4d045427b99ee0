import { width } from "../text/width.ts";
import { wordsOf, wrapped } from "../text/wrapped.ts";

// How text is laid out for a terminal. No word is broken, and the parts of a list stay below each other.
// All help goes through here, and so do the sentences that a start prints.

/** The columns of a text when the width of the terminal is not known. */
export const USUAL_COLUMNS = 80;

/** The longest line of prose: longer ones are hard to read, even where there is room. */
const MOST_COLUMNS = 100;

/** A second column that would be narrower than this is put below the first one. */
const LEAST_NOTE = 24;

/** When a row goes on in the next line, that line is indented by so much more. */
const HANG = 4;

/** The end of a line of a command that goes on in the next one, so that the command can be copied. */
const GOES_ON = " \\";

interface Row {
  readonly indent: number;
  readonly term: string;
  note: string;
}

/** The lines of one paragraph. */
export function flowed(text: string, columns: number = USUAL_COLUMNS): string[] {
  return wrapped(text, Math.min(columns, MOST_COLUMNS));
}

/**
 * A line for the terminal, broken into several when it is too long for one.
 * @param columns undefined when it goes to no terminal: then the line stays as it is
 */
export function fitted(line: string, columns: number | undefined): string {
  if (columns === undefined || width(line.trimEnd()) <= columns) return line;
  return `${wrapped(line.trimEnd(), columns).join("\n")}\n`;
}

/**
 * Lays out a text of paragraphs and indented lists, so that its lines fit. The second column of a list
 * begins behind two blanks. A paragraph is always broken anew; a list that fits stays as it is.
 */
export function laidOut(text: string, columns: number = USUAL_COLUMNS): string {
  const blocks = blocksOf(text.split("\n"));
  return blocks.flatMap((block) => laidOutBlock(block, columns)).join("\n");
}

/** The lines of each paragraph and each list, and the empty lines between them. */
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
    // A line that is indented far belongs to the row above it.
    if (above !== undefined && indent > above.indent + 2 * HANG) above.note += ` ${term}`;
    else rows.push({ indent, term, note });
  }
  return rows;
}

function rowOf(line: string): Row {
  const [, margin = "", term = "", , note = ""] = /^( +)(.*?)( {2,}(\S.*))?$/.exec(line) ?? [];
  return { indent: margin.length, term, note };
}

/** The column where the second column begins. */
function noteColumn(lines: readonly string[]): number {
  const starts = lines.flatMap((line) => {
    const { note } = rowOf(line);
    return note === "" ? [] : [width(line) - width(note)];
  });
  return Math.max(0, ...starts);
}

/** A command in as many lines as it needs, in a form that a shell takes. */
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
  return Math.max(0, ...wordsOf(text).map(width));
}
