/** What a decoder of UTF-8 writes for bytes that are none: many texts become the same one. */
const REPLACEMENT = "\u{FFFD}";

/**
 * Whether a secret may have been other bytes before it was decoded. Everything that reads one (ssh2,
 * the terminal, a pipe, the control socket) decodes it as UTF-8 and replaces what isn't. Such a text
 * stands for more than one secret, so it is never right and can't be set.
 */
export function isLossy(secret: string): boolean {
  return secret.includes(REPLACEMENT) || /\p{Cs}/u.test(secret);
}
