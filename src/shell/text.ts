import { type ByteString, bytes, fromText, toBuffer } from "../vfs/path.ts";

/** U+DC80 to U+DCFF stand for the bytes 0x80 to 0xFF that are not UTF-8. */
const ESCAPE_BASE = 0xdc00;
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what ASCII is
const ASCII = /^[\x00-\x7f]*$/;

/**
 * Bytes as text of which nothing is lost: what is not UTF-8 becomes lone low surrogates (as
 * Python's "surrogateescape" does it), which {@link encodeText} turns back into the same bytes.
 */
export function decodeText(value: ByteString): string {
  if (ASCII.test(value)) return value;
  const buffer = toBuffer(value);
  try {
    return STRICT.decode(buffer);
  } catch {
    return decodePieces(buffer);
  }
}

export function encodeText(text: string): ByteString {
  if (!/\p{Cs}/u.test(text)) return fromText(text);
  let out = "";
  for (const char of text) {
    const code = char.charCodeAt(0);
    const escaped = char.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    out += escaped ? String.fromCharCode(code - ESCAPE_BASE) : bytes(Buffer.from(char));
  }
  return out as ByteString;
}

function decodePieces(buffer: Buffer): string {
  let out = "";
  let at = 0;
  while (at < buffer.length) {
    const length = sequenceLength(buffer, at);
    if (length === 0) out += String.fromCharCode(ESCAPE_BASE + (buffer[at] as number));
    else out += buffer.toString("utf8", at, at + length);
    at += Math.max(1, length);
  }
  return out;
}

/** Bytes of the UTF-8 sequence that starts at `at`; 0 when none does (RFC 3629 section 4). */
function sequenceLength(buffer: Buffer, at: number): number {
  const first = buffer[at] as number;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const second = buffer[at + 1] ?? 0;
  // Overlong forms, surrogates and what is past U+10FFFF.
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let index = at + 2; index < at + length; index += 1) {
    if (((buffer[index] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
