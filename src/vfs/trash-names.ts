import { randomInt } from "node:crypto";
import type { ByteString, VirtualPath } from "./path.ts";
import { MAX_PATH_BYTES } from "./path.ts";

/**
 * The directory at the top of each home and folder that holds what was removed there. Clients
 * neither see nor name it.
 */
export const TRASH = ".moorage-trash" as ByteString;

/** Its path as the books have it. */
const TRASH_PATH = `/${TRASH}`;

/** Digits of the time of a removal, in microseconds since the epoch: enough until 2086 and beyond. */
const TIME_DIGITS = 11;
/** Digits that tell names of the same time apart, which several processes give. */
const TELLING_DIGITS = 4;
const RADIX = 36;

const ID = new RegExp(`^[0-9a-z]{${TIME_DIGITS + TELLING_DIGITS}}$`);

/** Behind the name of a file: a link whose text is the path that the file had in its home. */
const ORIGIN = ".path";
/** A file that is made to take the place of one that is kept. */
const SUCCESSOR = ".new";

/** Bytes that the text of a link may have, on Linux. */
export const MAX_ORIGIN_BYTES = MAX_PATH_BYTES - 1;

let last = 0;

/**
 * The name of what is kept from now on. Names sort by the time of their removal, also those that a
 * process gives in the same microsecond.
 */
export function newId(now = Date.now()): ByteString {
  last = Math.max(now * 1000, last + 1);
  const telling = randomInt(RADIX ** TELLING_DIGITS);
  return (digits(last, TIME_DIGITS) + digits(telling, TELLING_DIGITS)) as ByteString;
}

function digits(value: number, count: number): string {
  return value.toString(RADIX).padStart(count, "0");
}

export function isId(name: string): name is ByteString {
  return ID.test(name);
}

/** When it was removed, in milliseconds since the epoch. */
export function timeOf(id: ByteString): number {
  return Math.floor(Number.parseInt(id.slice(0, TIME_DIGITS), RADIX) / 1000);
}

/** The name of the link beside a file in the trash. */
export function originOf(id: ByteString): ByteString {
  return `${id}${ORIGIN}` as ByteString;
}

export function successorOf(id: ByteString): ByteString {
  return `${id}${SUCCESSOR}` as ByteString;
}

/** The path of a name in the trash, as the books have it. */
export function trashPath(name: ByteString): VirtualPath {
  return `${TRASH_PATH}/${name}` as VirtualPath;
}

/** What a name in the trash is: a file that is kept, what goes with one, or nothing known. */
export function kindOf(name: string): { readonly of: ByteString; readonly kind: Kind } | undefined {
  if (isId(name)) return { of: name, kind: "file" };
  for (const [end, kind] of [
    [ORIGIN, "origin"],
    [SUCCESSOR, "successor"],
  ] as const) {
    const of = name.endsWith(end) ? name.slice(0, -end.length) : "";
    if (isId(of)) return { of, kind };
  }
  return undefined;
}

type Kind = "file" | "origin" | "successor";

/**
 * Whether an entry is in the books: the trash itself is not, nor what says where its files were. A
 * file with two names, of which one is there, is about to be kept and is not yet.
 * @param path names below the home
 */
export function counts(path: readonly string[], nlink: bigint): boolean {
  const [top, name, further] = path;
  if (top !== TRASH || further !== undefined) return true;
  if (name === undefined) return false;
  const kind = kindOf(name)?.kind;
  return kind === "file" ? nlink === 1n : kind !== "origin";
}
