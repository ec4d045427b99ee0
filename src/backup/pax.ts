import { isUtf8 } from "node:buffer";

/** Bytes of all records of one entry that are read: a path at most twice, and some numbers. */
export const MAX_PAX_BYTES = 64 * 1024;

/** The records that are read; bytes as latin1. */
export interface PaxRecords {
  readonly path?: string;
  readonly linkpath?: string;
  readonly size?: number;
}

/**
 * Extended records of one entry (POSIX pax, "length key=value\n"). Values are bytes as latin1: names
 * on the disk have no encoding.
 */
export function encodePax(records: ReadonlyMap<string, string>): Buffer {
  const parts: Buffer[] = [];
  // POSIX wants UTF-8 unless this says otherwise, before what it is about.
  const isBinary = [...records.values()].some((value) => !isUtf8(Buffer.from(value, "latin1")));
  if (isBinary) parts.push(record("hdrcharset", "BINARY"));
  for (const [key, value] of records) parts.push(record(key, value));
  return Buffer.concat(parts);
}

function record(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  // The length counts its own digits.
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.from(`${length}${rest}`, "latin1");
}

/** @returns undefined when it is none */
export function decodePax(data: Buffer): PaxRecords | undefined {
  const text = data.toString("latin1");
  const found = new Map<string, string>();
  for (let at = 0; at < text.length; ) {
    const head = /^([1-9]\d{0,5}) ([!-<>-~]{1,64})=/.exec(text.slice(at, at + 80));
    if (head === null) return undefined;
    const [whole, digits, key = ""] = head;
    const end = at + Number(digits);
    if (end > text.length || end <= at + whole.length || text[end - 1] !== "\n") return undefined;
    found.set(key, text.slice(at + whole.length, end - 1));
    at = end;
  }
  return known(found);
}

function known(found: ReadonlyMap<string, string>): PaxRecords | undefined {
  const [path, linkpath, size] = ["path", "linkpath", "size"].map((key) => found.get(key));
  if (size !== undefined && !/^\d{1,15}$/.test(size)) return undefined;
  return {
    ...(path === undefined ? {} : { path }),
    ...(linkpath === undefined ? {} : { linkpath }),
    ...(size === undefined ? {} : { size: Number(size) }),
  };
}
