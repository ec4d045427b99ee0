import {
  type BigIntStats,
  linkSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { FsError } from "../errors.ts";
import type { Books, Inspected, Removed } from "./books.ts";
import { checkChange, checkMakeDirectory, checkMove, checkRemove } from "./guard.ts";
import type { Places } from "./jail.ts";
import { isWorthKeeping, keepInstead, keepsAt, prepareAt, replaceKeeping } from "./keeping.ts";
import {
  type ByteString,
  endsInDirectory,
  MAX_PATH_BYTES,
  toBuffer,
  withoutSlash,
} from "./path.ts";
import type { Place } from "./place.ts";
import { inodeKey } from "./proc.ts";
import { OWN_WAY, OWNER_WRITE, PERMISSIONS } from "./stat.ts";
import { afresh, moved, rememberDirectory, unseen } from "./uploads.ts";
import type { ContentWatch } from "./watch.ts";

/** What the operations on directory entries need. */
export interface Home {
  readonly places: Places;
  readonly books: Books;
  readonly contents: ContentWatch | undefined;
}

/** Another session changed what stands at a name between looking and acting: look again. */
class Stale extends Error {}

const ATTEMPTS = 16;
const WRITABLE = BigInt(OWNER_WRITE);

/** Tries again while others keep changing what stands at the names. */
async function settled<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    try {
      return await act();
    } catch (thrown) {
      if (!(thrown instanceof Stale)) throw thrown;
    }
  }
  throw new FsError("EBUSY");
}

/**
 * Runs `act` with the place a path leads to, then closes it. A link at its end is not followed, also
 * not with a slash behind it: an entry that is removed or moved is the one that was named.
 */
async function at<T>(home: Home, path: ByteString, act: (place: Place) => Promise<T>): Promise<T> {
  const place = home.places.locate(withoutSlash(path), false);
  try {
    return await act(place);
  } finally {
    const freed = place.release();
    if (freed !== undefined) await freed;
  }
}

/** The owner's write bit counts even where the server's own user could ignore it. */
export function checkWritable(place: Place): void {
  if (place.name === "") throw new FsError("EBUSY");
  if ((place.directory.mode & WRITABLE) === 0n) throw new FsError("EACCES");
}

/** A directory's ".." is an entry of its own, which changes when it gets another parent. */
function checkMovable(directory: BigIntStats, source: Place, target: Place): void {
  const moves = source.directory.ino !== target.directory.ino;
  if (moves && (directory.mode & WRITABLE) === 0n) throw new FsError("EACCES");
}

/** What removing a name would free: nothing while other names are left. */
function inspect(stat: BigIntStats): Inspected {
  const frees = stat.isFile() && stat.nlink === 1n;
  return { inode: inodeKey(stat), size: frees ? Number(stat.size) : 0 };
}

/**
 * What removing the place's name would free, as it is when that is asked: others may have changed
 * it while this waited for the database.
 */
function standing(place: Place): () => Inspected {
  return () => {
    const found = inspect(place.look());
    if (place.current() !== found.inode) throw new Stale();
    return found;
  };
}

/**
 * What became of a file whose name is gone; undefined for what has no bytes to give back. Where the
 * disk doesn't answer, it is what was seen before, with a name less: the deed is done all the same.
 */
function aftermath(place: Place, before: BigIntStats): Removed | undefined {
  if (!before.isFile()) return undefined;
  const inode = inodeKey(before);
  try {
    const { nlink, size } = place.look();
    return { inode, last: nlink === 0n, size: Number(size) };
  } catch {
    return { inode, last: before.nlink === 1n, size: Number(before.size) };
  }
}

/** Lets nothing of this process keep the bytes of a file whose last name has gone. */
function hasGone(home: Home, before: BigIntStats): void {
  if (before.isFile() && before.nlink === 1n) home.contents?.removed(inodeKey(before));
}

/** What is removed is what stands there when the books ask: others may change it until then. */
export function remove(home: Home, path: ByteString): Promise<void> {
  return at(home, path, async (place) => {
    checkRemove(place);
    if (keepsAt(place)) {
      const kept = await keepInstead(home.books, place, (found) => {
        checkRemove(place);
        checkRemovable(place, found, path);
      });
      if (kept !== undefined) return home.contents?.removed(kept);
    }
    let victim: BigIntStats | undefined;
    const take = (): Inspected => {
      victim = place.grasp();
      checkRemove(place);
      checkRemovable(place, victim, path);
      return inspect(victim);
    };
    await home.books.remove(place.mount.ground.id, place, take, () => {
      unlinkSync(place.host);
      return victim && aftermath(place, victim);
    });
    if (victim === undefined) return;
    hasGone(home, victim);
    if (victim.nlink > 1n) await home.contents?.touched(victim, place.existing);
  });
}

function checkRemovable(place: Place, found: BigIntStats, path: ByteString): void {
  if (endsInDirectory(path)) throw new FsError(found.isDirectory() ? "EISDIR" : "ENOTDIR");
  checkWritable(place);
  if (found.isDirectory()) throw new FsError("EISDIR");
}

export function removeDirectory(home: Home, path: ByteString): Promise<void> {
  return at(home, path, async (place) => {
    checkRemove(place);
    const take = (): Inspected => {
      const found = place.grasp();
      checkWritable(place);
      if (!found.isDirectory()) throw new FsError("ENOTDIR");
      return inspect(found);
    };
    await home.books.remove(place.mount.ground.id, place, take, () => {
      rmdirSync(place.host);
      return undefined;
    });
  });
}

/** Makes an entry where none may be yet; `path` may end in a slash only for a directory. */
function make(
  home: Home,
  path: ByteString,
  directory: boolean,
  perform: (place: Place) => void,
): Promise<void> {
  return at(home, path, async (place) => {
    // First of all: whether something is there must not show where it may not be seen.
    if (directory) checkMakeDirectory(place);
    else checkChange(place);
    if (place.seen !== undefined) throw new FsError("EEXIST");
    if (endsInDirectory(path) && !directory) throw new FsError("ENOENT");
    checkWritable(place);
    const { ground } = place.mount;
    ground.disk.expectRoom();
    await home.books.createEntry(ground.id, place, () => perform(place));
  });
}

export function makeDirectory(home: Home, path: ByteString, mode: number): Promise<void> {
  return make(home, path, true, (place) => {
    mkdirSync(place.host, { mode: (mode & PERMISSIONS) | OWN_WAY });
    rememberDirectory(place);
  });
}

export function symlink(home: Home, target: ByteString, link: ByteString): Promise<void> {
  if (target.length === 0) throw new FsError("ENOENT");
  if (target.length > MAX_PATH_BYTES) throw new FsError("ENAMETOOLONG");
  if (target.includes("\0")) throw new FsError("EINVAL");
  return make(home, link, false, (place) => symlinkSync(toBuffer(target), place.host));
}

export function hardLink(home: Home, existing: ByteString, link: ByteString): Promise<void> {
  return at(home, existing, async (source) => {
    checkChange(source);
    const before = source.look();
    if (endsInDirectory(existing) && !before.isDirectory()) throw new FsError("ENOTDIR");
    await make(home, link, false, (place) => {
      if (before.isDirectory()) throw new FsError("EPERM");
      if (place.mount !== source.mount) throw new FsError("EXDEV");
      linkSync(source.host, place.host);
    });
    await home.contents?.touched(before, source.existing);
  });
}

export function rename(
  home: Home,
  from: ByteString,
  to: ByteString,
  replace: boolean,
): Promise<void> {
  return settled(() =>
    at(home, from, (source) =>
      at(home, to, (found) => {
        const target = afresh(found, () => true);
        checkMove(source, target);
        // Open files follow by their paths, which a cursor's names don't have.
        if (!source.isSure || !target.isSure) throw new FsError("EINVAL");
        const directories = [endsInDirectory(from), endsInDirectory(to)] as const;
        return movedTo(
          home,
          { source, asked: target, target: unseen(target) },
          replace,
          directories,
        );
      }),
    ),
  );
}

/** @param of asked: where it should be moved to, where a taken name must not show */
async function movedTo(
  home: Home,
  of: { readonly source: Place; readonly asked: Place; readonly target: Place },
  replace: boolean,
  directories: readonly [source: boolean, target: boolean],
): Promise<void> {
  const { source, asked, target } = of;
  await move(home, source, target, replace, directories);
  moved(source, asked, target);
}

/** @param named whether source and target were named as directories */
export async function move(
  home: Home,
  source: Place,
  target: Place,
  replace: boolean,
  named: readonly [source: boolean, target: boolean],
  keeps = keepsAt(target),
): Promise<void> {
  if (replace && (source.name === "" || target.name === "")) throw new FsError("EBUSY");
  const before = source.look();
  const inode = inodeKey(before);
  const isTaken = target.target !== undefined;
  if (named[0] && !before.isDirectory()) throw new FsError("ENOTDIR");
  if (isTaken && !replace) throw new FsError("EEXIST");
  if (named[1] && !before.isDirectory()) throw new FsError("ENOTDIR");
  const replaced = isTaken ? target.look() : undefined;
  // POSIX: two names of one file stay as they are.
  if (replaced !== undefined && inodeKey(replaced) === inode) return;
  if (target.path.startsWith(`${source.path}/`)) throw new FsError("EINVAL");
  if (source.path.startsWith(`${target.path}/`)) throw new FsError("ENOTEMPTY");
  checkWritable(source);
  checkWritable(target);
  if (before.isDirectory() && replaced?.isDirectory() !== false)
    checkMovable(before, source, target);
  const { books } = home;
  const isKept = keeps && replaced !== undefined && !before.isDirectory();
  const keeping = isKept && isWorthKeeping(replaced) ? prepareAt(target) : undefined;
  const inspectVictim = (): Inspected | undefined => {
    if (source.current() !== inode) throw new Stale();
    if (keeping !== undefined && !isWorthKeeping(target.look())) throw new Stale();
    const victim = isTaken ? standing(target)() : undefined;
    if (!isTaken && target.current() !== undefined) throw new Stale();
    return keeping === undefined ? victim : undefined;
  };
  let isDone = false;
  const perform = (): Removed | undefined => {
    if (keeping !== undefined) replaceKeeping(source.host, target, keeping);
    else renameSync(source.host, target.host);
    isDone = true;
    return replaced && keeping === undefined ? aftermath(target, replaced) : undefined;
  };
  const names = [source.path, target.path] as const;
  const { id } = source.mount.ground;
  try {
    await books.rename(id, ...names, inode, inspectVictim, perform, keeping?.path);
  } catch (thrown) {
    const mayBeWithout = keeping !== undefined && !isDone && !(thrown instanceof Stale);
    if (!mayBeWithout) throw thrown;
    // What can't be kept is replaced all the same, or that says what is wrong.
    return await move(home, source, target, replace, named, false);
  } finally {
    keeping?.close(isDone);
  }
  if (replaced !== undefined) hasGone(home, replaced);
  await home.contents?.touched(before, source.existing);
}
