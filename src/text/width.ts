import { eastAsianWidth } from "get-east-asian-width";

const PLAIN = /^[\x20-\x7e]*$/;
const ZERO = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]+$/u;
/** Asks for the picture of what may be a letter, too. */
const EMOJI_STYLE = "\ufe0f";

let segmenter: Intl.Segmenter | undefined;

/** Characters as people count them. Made when first needed: that alone takes 12 ms. */
function clusters(text: string): string[] {
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/** Columns of one character that stands alone: 2 for East Asian wide ones (UAX #11) and emoji. */
export function charWidth(char: string): 1 | 2 {
  return char < "\u1100" || eastAsianWidth(char.codePointAt(0) as number) === 1 ? 1 : 2;
}

/** Columns a terminal needs at most for text without control characters. */
export function width(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const cluster of clusters(text)) columns += clusterWidth(cluster);
  return columns;
}

/**
 * Terminals disagree on clusters of several characters (families of emoji, flags): the larger answer
 * keeps a line from wrapping.
 */
function clusterWidth(cluster: string): number {
  let columns = 0;
  for (const char of cluster) {
    if (char === EMOJI_STYLE) columns = Math.max(columns, 2);
    else if (!ZERO.test(char)) columns += charWidth(char);
  }
  return columns;
}

/** In place of what was left out; one column in every terminal, which "…" is not. */
const CUT = "~";

/** Text in exactly `columns` columns: filled with blanks, or with its middle left out. */
export function fitTo(text: string, columns: number): string {
  return padTo(shorten(text, columns), columns);
}

/** Text with blanks behind it, or before it, up to `columns` columns. */
export function padTo(text: string, columns: number, side: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, columns - width(text)));
  return side === "left" ? text + blanks : blanks + text;
}

/** Text in at most `columns` columns, the middle left out: a name's end tells what it is. */
export function shorten(text: string, columns: number): string {
  if (columns <= 0) return "";
  // Far longer than any terminal: looking at each character would take time for nothing.
  const whole =
    text.length > 8 * columns + 64
      ? `${text.slice(0, 2 * columns)}${CUT}${text.slice(-2 * columns)}`
      : text;
  if (whole === text && width(text) <= columns) return text;
  const all = clusters(whole);
  const tail = take(all.toReversed(), Math.floor((columns - 1) / 2)).toReversed();
  const head = take(all, columns - 1 - width(tail.join("")));
  return `${head.join("")}${CUT}${tail.join("")}`;
}

function take(from: readonly string[], columns: number): string[] {
  const taken: string[] = [];
  let left = columns;
  for (const cluster of from) {
    left -= clusterWidth(cluster);
    if (left < 0) break;
    taken.push(cluster);
  }
  return taken;
}
