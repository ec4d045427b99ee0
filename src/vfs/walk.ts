import {
  type BigIntStats,
  closeSync,
  constants,
  type Dir,
  type Dirent,
  lstatSync,
  opendirSync,
  openSync,
} from "node:fs";
import { Ladder } from "./ladder.ts";
import { Descent } from "./names.ts";
import { type ByteString, bytes } from "./path.ts";
import { below, DIRECTORY, itself, O_PATH } from "./proc.ts";

/** Entries that are read without a word. */
const QUIET = 512;

/** A directory entry as a walk finds it. */
export interface Found {
  readonly stat: BigIntStats;
  /** reaches the entry until the walk goes on */
  readonly host: string | Buffer;
}

/**
 * Visits every directory entry below a directory, links not followed, in a few descriptors however
 * deep the tree is. Works on descriptors, so that what clients rename meanwhile can't lead it
 * elsewhere. Gives undefined now and then where there is much to read and nothing to tell.
 * @throws FsError EBUSY when the directory it is in was moved, the system's errors
 */
export function* walk(directory: string): Generator<Found | undefined, void, void> {
  const root = openSync(directory, O_PATH | constants.O_DIRECTORY);
  const ladder = new Ladder(root);
  const descent = new Descent();
  try {
    descent.down(yield* readAll(ladder.fd, descent));
    while (descent.depth > 0) {
      const name = descent.next();
      if (name !== undefined) {
        const fd = enter(ladder.fd, name);
        if (fd === undefined) continue;
        ladder.down(fd);
        descent.down(yield* readAll(fd, descent));
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
      if (descent.depth > 0) ladder.up();
    }
  } finally {
    ladder.restart();
    closeSync(root);
  }
}

/** Visits what is in a directory. @returns the directories among it */
function* readAll(fd: number, descent: Descent) {
  const names = descent.names();
  for (const entry of entries(fd)) {
    if (entry === undefined) continue;
    const host = below(fd, entry.name);
    const stat = lstatSync(host, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined) continue;
    yield { stat, host };
    if (stat.isDirectory()) names.add(entry.name);
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
    stream.closeSync();
  }
}

/** undefined: gone, or replaced by something else, since it was seen. */
function enter(parent: number, name: ByteString): number | undefined {
  try {
    return openSync(below(parent, name), DIRECTORY);
  } catch (thrown) {
    const { code } = thrown as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw thrown;
  }
}
