import {
  type BigIntStats,
  type Dir,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
} from "node:fs";
import { Ladder } from "./ladder.ts";
import { letGo, letGoOfListing } from "./let-go.ts";
import { Descent } from "./names.ts";
import { type ByteString, bytes } from "./path.ts";
import { below, DIRECTORY, itself } from "./proc.ts";

/** Entries that are read without a word. */
const QUIET = 512;

/** A directory entry as a walk finds it. */
export interface Found {
  readonly stat: BigIntStats;
  /** reaches the entry until the walk goes on */
  readonly host: string | Buffer;
}

/** What a tour meets: an entry, or a directory that it has gone into. */
export interface Stop extends Found {
  readonly kind: "entry" | "entered";
  /** the names from where the tour began to what is met; valid until it goes on */
  readonly path: readonly ByteString[];
}

/** Is told of a directory that can't be read. */
export type Unreadable = (path: readonly ByteString[], thrown: unknown) => void;

/**
 * Visits every directory entry below a directory, links not followed, in a few descriptors however
 * deep the tree is. Works on descriptors, so that what clients rename meanwhile can't lead it
 * elsewhere. Gives undefined now and then where there is much to read and nothing to tell.
 * @throws FsError EBUSY when the directory it is in was moved, the system's errors
 */
export function* walk(directory: string): Generator<Found | undefined, void, void> {
  for (const stop of tour(directory)) if (stop?.kind !== "entered") yield stop;
}

/**
 * The same, and says when it goes into a directory: behind that come all entries of the directory,
 * then what is in the directories among them, one after the other.
 * @param options.unreadable without it the first directory that can't be read ends the tour
 * @param options.held directories that are kept open: where fewer lie above each other it does not
 * matter who moves or removes them meanwhile
 */
export function* tour(
  directory: string | Buffer,
  { unreadable, held }: { readonly unreadable?: Unreadable; readonly held?: number } = {},
): Generator<Stop | undefined, void, void> {
  const root = openSync(directory, DIRECTORY);
  const ladder = new Ladder(root, held);
  const descent = new Descent();
  const path: ByteString[] = [];
  try {
    descent.down(yield* readAll(ladder.fd, descent, path, unreadable));
    while (descent.depth > 0) {
      const name = descent.next();
      if (name !== undefined) {
        path.push(name);
        const fd = enter(ladder.fd, path, unreadable);
        if (fd === undefined) {
          path.pop();
          continue;
        }
        ladder.down(fd);
        const stat = fstatSync(fd, { bigint: true });
        yield { kind: "entered", stat, host: itself(fd), path };
        descent.down(yield* readAll(fd, descent, path, unreadable));
        continue;
      }
      const behind = descent.namesBehind();
      if (behind !== undefined) {
        for (const entry of entries(ladder.fd)) {
          if (entry?.directory) behind.add(entry.name);
          if (entry === undefined) yield undefined;
        }
        descent.again(behind);
        continue;
      }
      descent.up();
      path.pop();
      if (descent.depth > 0) ladder.up();
    }
  } finally {
    ladder.restart();
    letGo(root);
  }
}

/** Visits what is in a directory. @returns the directories among it */
function* readAll(
  fd: number,
  descent: Descent,
  path: ByteString[],
  unreadable: Unreadable | undefined,
) {
  const names = descent.names();
  try {
    for (const entry of entries(fd)) {
      if (entry === undefined) continue;
      const host = below(fd, entry.name);
      const stat = lstatSync(host, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined) continue;
      path.push(entry.name);
      yield { kind: "entry" as const, stat, host, path };
      path.pop();
      if (stat.isDirectory()) names.add(entry.name);
    }
  } catch (thrown) {
    if (unreadable === undefined) throw thrown;
    unreadable(path, thrown);
  }
  return names;
}

/** The names in a directory; undefined after each {@link QUIET}. */
function* entries(fd: number) {
  const encoding = "buffer" as BufferEncoding;
  const stream: Dir = opendirSync(itself(fd), { encoding, bufferSize: 256 });
  try {
    for (let read = 1; ; read += 1) {
      const entry = stream.readSync() as Dirent | null;
      if (entry === null) return;
      yield { name: bytes(entry.name as unknown as Buffer), directory: entry.isDirectory() };
      if (read % QUIET === 0) yield undefined;
    }
  } finally {
    letGoOfListing(stream);
  }
}

/** undefined: gone, or replaced by something else, since it was seen; or it can't be entered. */
function enter(
  parent: number,
  path: readonly ByteString[],
  unreadable: Unreadable | undefined,
): number | undefined {
  try {
    return openSync(below(parent, path.at(-1) as ByteString), DIRECTORY);
  } catch (thrown) {
    const { code } = thrown as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    if (unreadable === undefined) throw thrown;
    unreadable(path, thrown);
    return undefined;
  }
}
