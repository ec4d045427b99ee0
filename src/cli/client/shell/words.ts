import { UsageError } from "../../../shell/errors.ts";

/** One word of a line. */
export interface Word {
  /** without its quotes */
  readonly text: string;
  /** for words with `*`, `?` or `[` outside of quotes: the pattern, what was quoted escaped in it */
  readonly pattern: string | undefined;
  /** it begins with an unquoted `~` or `~/` */
  readonly home: boolean;
}

export type Quote = "" | "'" | '"';

interface Scanned extends Word {
  /** where it begins in the line */
  readonly start: number;
  /** the quote it ends in, when that was not closed */
  readonly open: Quote;
}

const BLANK = /[ \t\r\n]/;
const MAGIC = /[*?[]/;
const SPECIAL_IN_PATTERNS = /[*?[\]\\!^-]/;

/**
 * Splits a line at blanks. '...' is literal; in "..." a backslash quotes `"` and itself, outside of
 * quotes it quotes any character. There are no variables, operators or redirections.
 * @throws UsageError
 */
export function splitWords(line: string): Word[] {
  const words = scan(line);
  const open = words.at(-1)?.open;
  if (open) throw new UsageError(`the quote ${open} is not closed`);
  return words;
}

/** The word that a line ends in, "" after a blank, and those before it: for completion. */
export function lastWord(line: string): { before: Word[]; last: Scanned } {
  const words = scan(line);
  const last = words.at(-1);
  const inside = last !== undefined && (last.open !== "" || !endsInBlank(line, last.start));
  if (last !== undefined && inside) return { before: words.slice(0, -1), last };
  const none = { text: "", pattern: undefined, home: false, start: line.length, open: "" } as const;
  return { before: words, last: none };
}

/** Whether the blank at the end of a line ends its last word: not when it is quoted. */
function endsInBlank(line: string, start: number): boolean {
  return scanWord(line, start).end < line.length;
}

function scan(line: string): Scanned[] {
  const words: Scanned[] = [];
  let at = 0;
  for (;;) {
    while (BLANK.test(line[at] ?? "")) at += 1;
    if (at >= line.length) return words;
    const { word, end } = scanWord(line, at);
    words.push(word);
    at = end;
  }
}

function scanWord(line: string, start: number): { word: Scanned; end: number } {
  let [text, pattern, magic, quote, at]: [string, string, boolean, Quote, number] = [
    "",
    "",
    false,
    "",
    start,
  ];
  const literal = (char: string) => {
    text += char;
    pattern += SPECIAL_IN_PATTERNS.test(char) ? `\\${char}` : char;
  };
  for (; at < line.length; at += 1) {
    const char = line[at] as string;
    const next = line[at + 1];
    if (quote === "" && BLANK.test(char)) break;
    if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = "";
    else if (char === "\\" && quote !== "'" && next !== undefined && quotes(quote, next)) {
      literal(next);
      at += 1;
    } else if (quote !== "" || char === "\\") literal(char);
    else {
      text += char;
      pattern += char;
      magic ||= MAGIC.test(char);
    }
  }
  const home = line[start] === "~" && (text === "~" || text.startsWith("~/"));
  const word = { text, pattern: magic ? pattern : undefined, home, start, open: quote };
  return { word, end: at };
}

/** Whether a backslash before this character quotes it. */
function quotes(quote: Quote, next: string): boolean {
  return quote === "" || next === '"' || next === "\\";
}

/** Text written so that {@link splitWords} reads it as one word, in the quotes that were begun. */
export function quoteWord(text: string, quote: Quote): string {
  if (quote === "'") return text.replaceAll("'", "'\\''");
  if (quote === '"') return text.replace(/["\\]/g, "\\$&");
  return text.replace(/[ \t\r\n'"\\*?[]|^[~#@-]/g, "\\$&");
}
