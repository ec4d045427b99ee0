const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of these bytes, nothing added or left out; undefined for what is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return STRICT.decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * False for text that may stand for several: decoders put U+FFFD in place of any bytes that are not
 * UTF-8, and encoders put it in place of a surrogate that stands alone.
 */
export function isUnambiguous(text: string): boolean {
  return !/[\ufffd\p{Cs}]/u.test(text);
}
