import { type ByteString, display } from "../vfs/path.ts";
import { KEYWORDS } from "./names.ts";

const SAFE = /^[A-Za-z0-9_@%+:,./-]+$/;
const UNSAFE_CHARS = /[^A-Za-z0-9_@%+:,./=\x80-\xff-]/g;

/** A word that the parser reads as exactly these bytes, whatever they are (a NUL is in no name). */
export function quote(word: ByteString): ByteString {
  if (SAFE.test(word) && !KEYWORDS.has(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'` as ByteString;
}

/** The same with backslashes, as one completes a word that was begun without a quote. */
export function escapeWord(word: ByteString): ByteString {
  const escaped = word.replace(UNSAFE_CHARS, (c) => (c === "\n" ? "'\n'" : `\\${c}`));
  return escaped as ByteString;
}

/** A name in a message: in quotes, with what a terminal must not see escaped. */
export function named(name: ByteString): string {
  return `'${display(name)}'`;
}

/** The same, without quotes where none are needed, as coreutils writes names before a colon. */
export function quoteIfNeeded(name: ByteString): string {
  return /^[A-Za-z0-9_@%+,./\x80-\xff-]+$/.test(name) ? display(name) : named(name);
}
