import { encodePax } from "./pax.ts";

/** A tar archive is made of these (POSIX ustar). */
export const BLOCK = 512;

/** What an entry is; the letter is ustar's. */
const TYPES = { file: "0", link: "1", symlink: "2", directory: "5", records: "x" } as const;

export type EntryType = Exclude<keyof typeof TYPES, "records">;

/** An entry of an archive; names are bytes as latin1, without a slash at the end. */
export interface Entry {
  readonly type: EntryType;
  readonly name: string;
  /** permission bits */
  readonly mode: number;
  /** of a file; 0 for all else */
  readonly size: number;
  /** seconds since the epoch */
  readonly mtime: number;
  /** where a link leads, else empty */
  readonly target: string;
  readonly uid: number;
  readonly gid: number;
}

/** A header as it is read: of an entry, or of records for the entry behind it. */
export interface Header extends Omit<Entry, "type"> {
  readonly type: EntryType | "records";
}

/** Where the fields of a header are, and how long (POSIX pax, "ustar Header Block"). */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  target: [157, 100],
  magic: [257, 8],
} as const;

type Field = keyof typeof FIELDS;

const MAGIC = "ustar\x0000";
const MODE = 0o7777;
const LARGEST_SIZE = 0o77777777777;

/** The blocks before an entry's content. */
export function encodeEntry(entry: Entry): Buffer {
  // A directory ends in a slash: old readers know it by that.
  const name = entry.type === "directory" ? `${entry.name}/` : entry.name;
  const records = new Map<string, string>();
  if (name.length > FIELDS.name[1]) records.set("path", name);
  if (entry.target.length > FIELDS.target[1]) records.set("linkpath", entry.target);
  if (entry.size > LARGEST_SIZE) records.set("size", `${entry.size}`);
  const header = encodeHeader({ ...entry, name });
  if (records.size === 0) return header;
  const pax = encodePax(records);
  const before = { ...entry, type: "records", name: "records", size: pax.length, target: "" };
  return Buffer.concat([encodeHeader(before as Header), pax, padding(pax.length), header]);
}

function encodeHeader(header: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (field: Field, text: string): void => {
    const [at, length] = FIELDS[field];
    block.write(text, at, length, "latin1");
  };
  const number = (field: Field, value: number): void => {
    const digits = FIELDS[field][1] - 1;
    const whole = Math.max(0, Math.floor(value));
    const text = whole.toString(8);
    // What doesn't fit is in the records, or of no use elsewhere.
    put(field, (text.length > digits ? "" : text).padStart(digits, "0"));
  };
  put("name", header.name);
  put("type", TYPES[header.type]);
  put("target", header.target);
  put("magic", MAGIC);
  number("mode", header.mode & MODE);
  for (const field of ["uid", "gid", "size", "mtime"] as const) number(field, header[field]);
  put("checksum", `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** @returns undefined when the block is no header that this program writes */
export function decodeHeader(block: Buffer): Header | undefined {
  const text = (field: Field): string => {
    const [at, length] = FIELDS[field];
    return block.toString("latin1", at, at + length);
  };
  const word = (field: Field): string => text(field).split("\0", 1)[0] ?? "";
  const numbers = (["mode", "uid", "gid", "size", "mtime", "checksum"] as const).map((field) =>
    octal(text(field)),
  );
  if (numbers.includes(undefined) || text("magic") !== MAGIC) return undefined;
  const [mode, uid, gid, size, mtime, sum] = numbers as [number, ...number[]] & number[];
  const type = (Object.keys(TYPES) as (keyof typeof TYPES)[]).find(
    (one) => TYPES[one] === text("type"),
  );
  if (type === undefined || sum !== checksum(block)) return undefined;
  const given = { mode, uid, gid, size, mtime } as Record<
    "mode" | "uid" | "gid" | "size" | "mtime",
    number
  >;
  return { type, name: word("name"), target: word("target"), ...given };
}

function octal(field: string): number | undefined {
  const found = /^ *([0-7]+)[ \0]*$/.exec(field);
  return found === null ? undefined : Number.parseInt(found[1] as string, 8);
}

/** The sum of all bytes, with the checksum's own as blanks. */
function checksum(block: Buffer): number {
  const [at, length] = FIELDS.checksum;
  let sum = length * 0x20;
  for (let index = 0; index < BLOCK; index += 1) {
    if (index < at || index >= at + length) sum += block[index] as number;
  }
  return sum;
}

/** What fills the last block of so many bytes. */
export function padding(size: number): Buffer {
  return Buffer.alloc(paddingOf(size));
}

export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}
