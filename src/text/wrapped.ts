import { width } from "./width.ts";

/** The blanks before a word, and the word. A command between backticks is one word: somebody may copy it. */
const WORDS = /( *)((?:`[^`]*`|[^ `]|`)+)/g;

/** The words that a line is not broken within. */
export function wordsOf(text: string): string[] {
  return Array.from(text.matchAll(WORDS), ([, , word = ""]) => word);
}

/**
 * Breaks a text into lines between its words. A word that is longer than a line has a line of its own.
 * Between words that stay on one line all blanks are kept: they may be part of a file's name.
 */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const [, blanks = "", word = ""] of text.matchAll(WORDS)) {
    const longer = line === "" ? word : line + blanks + word;
    if (line !== "" && width(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === "" ? lines : [...lines, line];
}
