import { type Dirent, lstatSync, opendirSync, readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { letGoOfListing } from "./let-go.ts";
import { FirstNames } from "./names.ts";
import { type ByteString, bytes, components, type VirtualPath } from "./path.ts";
import { below, itself } from "./proc.ts";
import { isId, originOf, timeOf } from "./trash-names.ts";

/** Names that are held at once: of the first page, and of the later ones, each twice the one before. */
const PAGE = 1_024;
const LARGEST_PAGE = 32_768;
/** Names that are read in one turn of the event loop. */
const NAMES_PER_TURN = 512;

/** A file in the trash of a home. */
export interface Kept {
  readonly id: ByteString;
  /** that it had in its home; undefined: what said so is lost */
  readonly path: VirtualPath | undefined;
  /** milliseconds since the epoch */
  readonly removedAt: number;
  /** in bytes */
  readonly size: number;
}

/**
 * The names of the files in a trash, the oldest first, in bounded memory.
 * @param trash open (O_PATH), until this is through
 * @param after the names behind this one
 */
export async function* pages(
  trash: number,
  after?: ByteString,
): AsyncGenerator<ByteString[], void, void> {
  let last = after;
  // Each page takes reading the whole directory: a million names must not take that a thousand times.
  for (let most = PAGE; ; most = Math.min(2 * most, LARGEST_PAGE)) {
    const first = new FirstNames(most, last);
    let read = 0;
    for (const name of names(trash)) {
      if (isId(name)) first.add(name);
      read += 1;
      if (read % NAMES_PER_TURN === 0) await turn();
    }
    const page = first.take();
    last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (!first.more) return;
  }
}

/** All names in a directory, in no order. */
export function* names(directory: number): Generator<ByteString, void, void> {
  const encoding = "buffer" as BufferEncoding;
  const stream = opendirSync(itself(directory), { encoding, bufferSize: 256 });
  try {
    for (;;) {
      const entry = stream.readSync() as Dirent | null;
      if (entry === null) return;
      yield bytes(entry.name as unknown as Buffer);
    }
  } finally {
    letGoOfListing(stream);
  }
}

/** What a name in a trash is; undefined: it is not there any more, or no file that is kept. */
export function keptAt(trash: number, id: ByteString): Kept | undefined {
  const stat = lstatSync(below(trash, id), { throwIfNoEntry: false });
  // With another name it is about to be kept.
  if (stat === undefined || !stat.isFile() || stat.nlink !== 1) return undefined;
  return { id, path: originAt(trash, id), removedAt: timeOf(id), size: stat.size };
}

/** Where it was. What others have put there is not trusted to be a path. */
function originAt(trash: number, id: ByteString): VirtualPath | undefined {
  try {
    const text = bytes(readlinkSync(below(trash, originOf(id)), { encoding: "buffer" }));
    const parts = components(text);
    const isPlain = text.startsWith("/") && parts.length > 0 && !parts.includes(DOTS);
    return isPlain ? (`/${parts.join("/")}` as VirtualPath) : undefined;
  } catch {
    return undefined;
  }
}

const DOTS = ".." as ByteString;
