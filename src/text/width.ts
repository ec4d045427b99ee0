/** East Asian Wide and Fullwidth (UAX #11) and emoji, as ranges of code points. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23f3],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x267f, 0x267f],
  [0x2693, 0x2693],
  [0x26a1, 0x26a1],
  [0x26aa, 0x26ab],
  [0x26bd, 0x26be],
  [0x26c4, 0x26ce],
  [0x26d4, 0x26ea],
  [0x26f2, 0x26fd],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x2757],
  [0x2795, 0x2797],
  [0x27b0, 0x27bf],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f19a],
  [0x1f1e6, 0x1f320],
  [0x1f32d, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7f0],
  [0x1f90c, 0x1faff],
  [0x20000, 0x3fffd],
];

let segmenter: Intl.Segmenter | undefined;

/** Characters as people count them. Made when first needed: that alone takes 12 ms. */
function clusters(text: string): string[] {
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

const PLAIN = /^[\x20-\x7e]*$/;
const ZERO = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]+$/u;

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
    if (char === "\ufe0f") columns = Math.max(columns, 2);
    else if (!ZERO.test(char)) columns += isWide(char.codePointAt(0) as number) ? 2 : 1;
  }
  return columns;
}

function isWide(code: number): boolean {
  return code >= 0x1100 && WIDE.some(([low, high]) => code >= low && code <= high);
}

/** In place of what was left out; one column in every terminal, which "…" is not. */
const CUT = "~";

/** Text in exactly `columns` columns: filled with blanks, or with its middle left out. */
export function fitTo(text: string, columns: number): string {
  const short = shorten(text, columns);
  return short + " ".repeat(Math.max(0, columns - width(short)));
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
