import type { Stats } from "node:fs";
import type { Rights } from "../access/modes.ts";
import { FsError } from "../errors.ts";
import type { Inspected } from "./books.ts";
import { join, ROOT, type VirtualPath } from "./path.ts";
import type { Place } from "./place.ts";
import { inodeKey, pathBelow } from "./proc.ts";
import { toFileStat } from "./stat.ts";
import { isPartial } from "./temporary-names.ts";
import { type Mount, recorded } from "./tree.ts";
import type { FileStat, OpenFlags, StatChange } from "./types.ts";

const DENIED = "the rules of access don't allow that here";

export function denied(): FsError {
  return new FsError("EACCES", DENIED);
}

/** The error for a file that is closed, or not open for what is asked. */
export function badHandle(): FsError {
  return new FsError("EBADF");
}

/** What is not seen is not there; but where something may be put, nobody is told that it isn't. */
function missing(place: Place): FsError {
  return rightsAt(place).create ? denied() : new FsError("ENOENT");
}

/** A place, or something open, by where it is. */
type Spot = Pick<Place, "mount" | "treePath">;

export function rightsAt({ mount: { tree }, treePath }: Spot) {
  return tree.access.rights(treePath);
}

/** Whether this session uploaded the file: its name alone says nothing, others may have replaced it. */
export function isOwn({ mount: { tree }, treePath }: Spot, inode: string): boolean {
  return tree.own.at(treePath)?.inode === inode;
}

/** The same of whatever stands there; of a directory, whether this session made it. */
export function isOwnThere(place: Place): boolean {
  const { tree } = place.mount;
  if (tree.own.at(place.treePath) === undefined || place.target === undefined) return false;
  return isOwn(place, inodeKey(place.look()));
}

export function isPlain({ mount }: Spot): boolean {
  return mount.tree.isPlain;
}

// Whether the rules let something be done at a place. Each check throws FsError: EACCES where the place
// may be seen, ENOENT where it may not.

/** Opening what is there. @param found the open file, which may be another one than was seen there */
export function checkOpen(place: Place, flags: OpenFlags, { inode, size }: Inspected): void {
  if (isPlain(place)) return;
  const rights = rightsAt(place);
  if (flags.read && !rights.read) throw denied();
  if (!flags.write || rights.change) return;
  const goesOn = rights.create && isOwn(place, inode);
  if (!goesOn || (flags.truncate && size > 0 && !isPartial(place.name))) throw denied();
}

/** Making a file. @param flags it is opened with */
export function checkCreate(place: Place, flags: OpenFlags): void {
  if (isPlain(place)) return;
  const rights = rightsAt(place);
  if (!rights.create || (flags.read && !rights.read)) throw denied();
}

export function checkMakeDirectory(place: Place): void {
  if (!isPlain(place) && !rightsAt(place).makeDirectory) throw denied();
}

/** Links, and attributes of what is there. */
export function checkChange(place: Place): void {
  if (!isPlain(place) && !rightsAt(place).change) throw denied();
}

/** Attributes: what this session uploaded gets them from its client. */
export function checkAttributes(place: Place, change: StatChange): void {
  const { mount, treePath } = place;
  const isFolder = mount !== mount.tree.home && treePath === mount.at;
  // It is every member's, and closed for one it would be closed for all.
  if (isFolder && change.permissions !== undefined) throw denied();
  if (isPlain(place) || rightsAt(place).change || isOwnThere(place)) return;
  throw denied();
}

/** Removing a name. */
export function checkRemove(place: Place): void {
  if (isPlain(place)) return;
  const { tree } = place.mount;
  if (place.isHidden) throw missing(place);
  if (tree.isFixed(place.treePath)) throw denied();
  if (rightsAt(place).change) return;
  if (!isUnfinished(place)) throw denied();
}

/**
 * Moving a name. A directory that rules or folders hang on stays, and so does what would be moved to
 * another home or folder: clients copy then.
 */
export function checkMove(source: Place, target: Place): void {
  if (isPlain(source)) return;
  const { tree } = source.mount;
  if (source.isHidden) throw missing(source);
  if (!rightsAt(source).change) checkFinish(source, target);
  if (tree.isFixed(source.treePath) || tree.isFixed(target.treePath)) throw denied();
  const there = rightsAt(target);
  const isNew = target.seen === undefined;
  if (!there.create || !(isNew || there.change) || !mayMake(there, source)) throw denied();
  if (source.mount !== target.mount) throw new FsError("EXDEV", ACROSS);
}

/** What is moved to a place is made there. */
function mayMake(there: Rights, { seen }: Place): boolean {
  if (seen === undefined || seen.isFile()) return true;
  return seen.isDirectory() ? there.makeDirectory : there.change;
}

const ACROSS = "that is in another folder, with a quota of its own: copy it, then remove it here";

/** An upload of this session gets its name when it is whole. */
function checkFinish(source: Place, target: Place): void {
  const inPlace = directoryOf(source.treePath) === directoryOf(target.treePath);
  if (!inPlace || !isUnfinished(source)) throw denied();
}

/** An upload of this session that by its name is not whole yet. */
function isUnfinished(place: Place): boolean {
  return isPartial(place.name) && place.seen?.isFile() === true && isOwnThere(place);
}

export function directoryOf(path: VirtualPath): VirtualPath {
  return (path.slice(0, path.lastIndexOf("/")) || ROOT) as VirtualPath;
}

/** Attributes as the user may see them: of a directory whose names are hidden, no trace of them. */
export function shownStat(spot: Spot, stat: Stats): FileStat {
  const shown = toFileStat(stat);
  if (isPlain(spot) || rightsAt(spot).read || !stat.isDirectory()) return shown;
  const made = Math.floor(stat.birthtimeMs / 1000);
  return { ...shown, nlink: 2, size: 0, atime: made, mtime: made };
}

/** How full a folder is tells of others' files: the user sees it where those may be seen. */
export function showsSpace(mount: Mount): boolean {
  const { tree, at } = mount;
  return mount === tree.home || tree.access.rights(at).read;
}

export function checkSpace(mount: Mount): void {
  if (!showsSpace(mount)) throw denied();
}

/** What the user may know of a refusal. */
export function told(spot: Spot, thrown: unknown): unknown {
  if (isPlain(spot) || rightsAt(spot).read) return thrown;
  const isFull = thrown instanceof FsError && thrown.code === "EDQUOT";
  return isFull ? new FsError("EDQUOT", "There is no room for this file there") : thrown;
}

/** What may still be done with something open: rules change, and folders are taken away. */
export class Guard {
  readonly mount: Mount;
  readonly #made: boolean;
  #treePath: VirtualPath;

  /** @param made by the session itself */
  constructor({ mount, treePath }: Spot, made = false) {
    this.mount = mount;
    this.#treePath = treePath;
    this.#made = made;
  }

  get treePath(): VirtualPath {
    return this.#treePath;
  }

  /** Rules count where it is now. @param fd of what is open; without a name, it stays where it was */
  relocate(fd: number): void {
    const { ground, at } = this.mount;
    const inside = this.isGone ? undefined : pathBelow(ground.fd, fd);
    if (inside !== undefined) this.#treePath = inside === "" ? at : join(at, inside);
  }

  /** For the audit trail. */
  get recorded(): VirtualPath {
    return recorded(this.mount, this.treePath);
  }

  get mayRead(): boolean {
    return this.#isFree || (!this.isGone && this.#rights.read);
  }

  /** Its size and times: who may go on with an upload has to know how far it is. */
  get mayLook(): boolean {
    return this.mayRead || this.mayWrite;
  }

  get mayWrite(): boolean {
    if (this.#isFree) return true;
    const { change, create } = this.#rights;
    return !this.isGone && (change || (this.#made && create));
  }

  get #isFree(): boolean {
    return this.mount.tree.isPlain && this.mount === this.mount.tree.home;
  }

  /** It is in a folder that the user does not have any more. */
  get isGone(): boolean {
    return !this.mount.tree.has(this.mount);
  }

  get #rights() {
    return this.mount.tree.access.rights(this.treePath);
  }
}
