import { isUtf8 } from "node:buffer";

/** Bytes that one name may have, on Linux and nearly everywhere (POSIX calls it so). */
export const NAME_MAX = 255;

/** U+DC80 to U+DCFF stand for the bytes 0x80 to 0xFF that are not UTF-8. */
const ESCAPE_BASE = 0xdc00;

/**
 * A name's bytes as text of which nothing is lost: what is not UTF-8 becomes lone low surrogates (as
 * Python's "surrogateescape" does it), which {@link encodeName} turns back into the same bytes.
 */
export function decodeName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let out = "";
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) out += String.fromCharCode(ESCAPE_BASE + (bytes[at] as number));
    else out += bytes.toString("utf8", at, at + length);
    at += Math.max(1, length);
  }
  return out;
}

export function encodeName(name: string): Buffer {
  if (!/\p{Cs}/u.test(name)) return Buffer.from(name, "utf8");
  const parts: Buffer[] = [];
  for (const char of name) {
    const code = char.charCodeAt(0);
    const escaped = char.length === 1 && code >= ESCAPE_BASE + 0x80 && code <= ESCAPE_BASE + 0xff;
    parts.push(escaped ? Buffer.from([code - ESCAPE_BASE]) : Buffer.from(char, "utf8"));
  }
  return Buffer.concat(parts);
}

/** Bytes of the UTF-8 sequence that starts at `at`; 0 when none does (RFC 3629 section 4). */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const second = bytes[at + 1] ?? 0;
  // Overlong forms, surrogates and what is past U+10FFFF.
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let index = at + 2; index < at + length; index += 1) {
    if (((bytes[index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
