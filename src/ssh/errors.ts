/** What the errors of ssh2 mean: its types tell neither their levels nor their texts. */

/** An error of a connection: of ssh2, of the socket or of our own code. */
export type ConnectionError = Error & { readonly level?: string; readonly code?: unknown };

/** Reasons of a client's DISCONNECT that say it can't read what came (RFC 4253 section 11.1). */
const UNREADABLE: ReadonlySet<unknown> = new Set([2, 5]);

/**
 * What ssh2 could not read, decrypt or understand, or the client says of what it got. Errors of the
 * socket and of our own code have a code or a name of their own.
 */
export function isProtocolError({ level, code, name }: ConnectionError): boolean {
  if (level !== undefined) return level === "protocol" || level === "handshake";
  return UNREADABLE.has(code) || (code === undefined && name === "Error");
}

/** The connection ended before the keys were exchanged. */
export function isBeforeHandshake({ message }: Error): boolean {
  return message.includes("before handshake");
}

/** The connection ended while a channel was being opened. */
export function isWithoutAnswer({ message }: Error): boolean {
  return message === "No response from server";
}
