import { width } from "./width.ts";

/** A command between backticks is one: somebody may copy it. */
export const WORD = /(?:`[^`]*`|[^ `]|`)+/g;

/** By words. One that is longer than a line has a line of its own. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const [word] of text.matchAll(WORD)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && width(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === "" ? lines : [...lines, line];
}
