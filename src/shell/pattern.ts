import { TextPattern } from "../text/pattern.ts";
import type { ByteString } from "../vfs/path.ts";
import { decodeText, encodeText } from "./text.ts";

/** Puts a backslash before what means something in a pattern. */
export function escapePattern(text: ByteString): ByteString {
  return text.replace(/[*?[\]\\!^-]/g, "\\$&") as ByteString;
}

/** A {@link TextPattern} for a name as bytes. */
export class Pattern {
  /** the only name that matches, when there is just one */
  readonly literal: ByteString | undefined;
  readonly #pattern: TextPattern;

  constructor(pattern: ByteString, ignoreCase = false) {
    this.#pattern = new TextPattern(decodeText(pattern), { ignoreCase });
    const { literal } = this.#pattern;
    this.literal = literal === undefined ? undefined : encodeText(literal);
  }

  /** Takes time in proportion to the square of the name's length at most. */
  matches(name: ByteString): boolean {
    return this.#pattern.matches(decodeText(name));
  }
}
