import { decodeName, encodeName } from "../text/names.ts";
import { type ByteString, bytes, toBuffer } from "../vfs/path.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what ASCII is
const ASCII = /^[\x00-\x7f]*$/;

/** Bytes as text of which nothing is lost, see {@link decodeName}. */
export function decodeText(value: ByteString): string {
  return ASCII.test(value) ? value : decodeName(toBuffer(value));
}

export function encodeText(text: string): ByteString {
  return bytes(encodeName(text));
}
