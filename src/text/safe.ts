/**
 * What must not reach a terminal or a log in text from elsewhere: names, messages of the other side,
 * what a client says of itself. There is this one set, however the place shows what it takes out.
 */

/**
 * - Control characters (Cc): they steer a terminal, and begin a line of a log.
 * - Separators of lines and paragraphs (Zl, Zp): some programs begin a line there.
 * - Format characters (Cf): some turn text around, others hide a difference between two names.
 * - What nobody sees though it is no format character, such as the Hangul fillers.
 * - Surrogates that stand alone (Cs). Here they stand for bytes that aren't UTF-8.
 *
 * The joiners U+200C and U+200D and the variation selectors stay: Persian, Indic scripts and emoji are
 * written with them.
 */
const UNSAFE =
  /(?!\u200c|\u200d|\p{Variation_Selector})[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

const ASCII = /^[ -~]*$/;

/** Whether the text is free of what {@link visible} and {@link masked} take out. */
export function isSafe(text: string): boolean {
  return ASCII.test(text) || text.search(UNSAFE) < 0;
}

/** One line in which everything unsafe is written as its code: `\x1b`, `\u{202e}`. */
export function visible(text: string): string {
  return ASCII.test(text) ? text : text.replace(UNSAFE, escaped);
}

/** The text with `mark` in place of every unsafe character. */
export function masked(text: string, mark: string): string {
  return ASCII.test(text) ? text : text.replace(UNSAFE, () => mark);
}

/** What somebody wrote, for one line: without what could steer a terminal. */
export function oneLine(text: string): string {
  return masked(text, " ").replace(/ {2,}/g, " ").trim();
}

/**
 * A value as JSON without unsafe characters: they stand there in JSON's own notation.
 * @param indent blanks for each level; without it, all on one line
 */
export function safeJson(value: unknown, indent?: number): string {
  return safeJsonText(JSON.stringify(value, null, indent));
}

/** The same of JSON that is text already. Line ends can only be between values, and stay. */
export function safeJsonText(text: string): string {
  return text.replace(UNSAFE, (char) => (char === "\n" ? char : jsonEscape(char)));
}

function jsonEscape(char: string): string {
  const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/** Text of several lines, such as a banner, as lines that are safe: at most `limit` of them. */
export function visibleLines(text: string, limit = 100): string[] {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/, limit + 1);
  const shown = lines.slice(0, limit).map((line) => visible(line.replaceAll("\t", "    ")));
  return lines.length > limit ? [...shown, "..."] : shown;
}

/** A character as its code, in the notation of {@link visible}. */
export function escaped(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0xd800 && code <= 0xdfff) return "\u{FFFD}";
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
}
