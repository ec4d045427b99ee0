import { isIPv4, isIPv6 } from "node:net";
import type { Endpoint } from "./endpoint.ts";

/** The specification's longest line of version 1, with its CR LF. */
const MAX_LINE = 107;
/** What stands before the addresses in version 2. */
const FIXED = 16;
/** Addresses and what a proxy adds to them, in version 2: more than any proxy sends. */
const MAX_ADDED = 2_048;

/** Bytes that a header has at most. */
export const MAX_HEADER = FIXED + MAX_ADDED;

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

/** What a trusted proxy sends is no PROXY header. */
export class ProxyHeaderError extends Error {
  override readonly name = "ProxyHeaderError";
}

export interface ProxyHeader {
  /** bytes of the header */
  readonly length: number;
  /** the client; undefined: the proxy itself speaks, or does not know */
  readonly client: Endpoint | undefined;
}

/**
 * Reads a header of the PROXY protocol, version 1 or 2 (haproxy's proxy-protocol.txt).
 * @param data the first bytes of a connection
 * @returns undefined while it is not complete
 * @throws ProxyHeaderError
 */
export function readHeader(data: Buffer): ProxyHeader | undefined {
  const known = Math.min(data.length, SIGNATURE.length);
  if (data.subarray(0, known).equals(SIGNATURE.subarray(0, known))) return readBinary(data);
  return readLine(data);
}

function readLine(data: Buffer): ProxyHeader | undefined {
  const text = data.toString("latin1", 0, MAX_LINE);
  const end = text.indexOf("\r\n");
  const begin = "PROXY ";
  if (!begin.startsWith(text.slice(0, begin.length)) || (end < 0 && text.length === MAX_LINE)) {
    throw new ProxyHeaderError("no PROXY header");
  }
  if (end < 0) return undefined;
  return { length: end + 2, client: clientOf(text.slice(begin.length, end)) };
}

function clientOf(line: string): Endpoint | undefined {
  const [family, source = "", target = "", sourcePort = "", targetPort = "", ...more] =
    line.split(" ");
  if (family === "UNKNOWN") return undefined;
  const is = family === "TCP4" ? isIPv4 : family === "TCP6" ? isIPv6 : () => false;
  const port = portOf(sourcePort);
  const isWhole = is(source) && is(target) && more.length === 0;
  if (!isWhole || port === undefined || portOf(targetPort) === undefined) {
    throw new ProxyHeaderError("a PROXY header that names no client");
  }
  return { address: source, port };
}

function portOf(text: string): number | undefined {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : Number.NaN;
  return port <= 65_535 ? port : undefined;
}

function readBinary(data: Buffer): ProxyHeader | undefined {
  if (data.length < FIXED) return undefined;
  const command = data.readUInt8(12);
  const family = data.readUInt8(13);
  const added = data.readUInt16BE(14);
  if ((command !== LOCAL && command !== PROXY) || added > MAX_ADDED) {
    throw new ProxyHeaderError("a PROXY header of another version, or too long a one");
  }
  const length = FIXED + added;
  if (data.length < length) return undefined;
  if (command === LOCAL) return { length, client: undefined };
  return { length, client: endpointIn(data.subarray(FIXED, length), family) };
}

/** Of sockets of other kinds nothing is known. */
function endpointIn(addresses: Buffer, family: number): Endpoint | undefined {
  const bytes = family === TCP4 ? 4 : family === TCP6 ? 16 : 0;
  if (bytes === 0) return undefined;
  if (addresses.length < 2 * bytes + 4) {
    throw new ProxyHeaderError("a PROXY header whose addresses are not whole");
  }
  const source = addresses.subarray(0, bytes);
  const address = bytes === 4 ? source.join(".") : addressOf(source);
  return { address, port: addresses.readUInt16BE(2 * bytes) };
}

/** As the system writes it. */
function addressOf(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
