import { type BigIntStats, constants, fstatSync, lstatSync, openSync, type Stats } from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import { letGo, letGoSlowly } from "./let-go.ts";
import type { ByteString, VirtualPath } from "./path.ts";
import { ANYTHING, below, inodeKey, itself, O_PATH } from "./proc.ts";
import { type Mount, pathIn } from "./tree.ts";

/** A removed file above this may take the disk a while to free, in bytes. */
const LONG_TO_FREE = 1024n * 1024n;

/** A missing name is told without an exception, which costs more than the look. */
export const QUIETLY = { throwIfNoEntry: false } as const;

/**
 * Closes what may have been removed, off the event loop where that can take a while.
 * @param size that it had, in bytes
 */
export async function closeFreed(fd: number, size: number): Promise<void> {
  if (size > LONG_TO_FREE) await letGoSlowly(fd);
  else letGo(fd);
}

/** What is known of a place besides its names. */
export interface Seen {
  /** what stood at the name a moment ago, null: nothing; without it, nobody has looked */
  readonly seen?: Stats | null;
  /** there is nothing for this user, whatever there is; but a file may be put there */
  readonly isHidden?: boolean;
  /** false: the path may lead elsewhere by now, or be shortened */
  readonly isSure?: boolean;
  /** as it was asked for: one's own upload may be there under another name */
  readonly asked?: ByteString;
}

/**
 * Where a path leads: the directory that holds the last name (open, O_PATH), and the name. What
 * stands there is looked at, or opened (O_PATH), when it is asked for: most requests need one of
 * the two. The name is "" when the path ends in the home itself or in "..": then the directory is
 * what stands there. Close it.
 */
export class Place {
  readonly parent: number;
  readonly name: ByteString;
  /** in the user's tree */
  readonly treePath: VirtualPath;
  /** the home or folder it is in */
  readonly mount: Mount;
  readonly isSure: boolean;
  readonly isHidden: boolean;
  /** the name that was asked for */
  readonly asked: ByteString;
  /** to be closed with the place */
  readonly #owned: number[];
  /** null: nothing stands there; undefined: nobody has looked */
  #seen: Stats | null | undefined;
  #target: number | undefined;
  #directory: BigIntStats | undefined;
  #last: BigIntStats | undefined;

  /** @param owned descriptors that are closed with it */
  constructor(
    parent: number,
    name: ByteString,
    treePath: VirtualPath,
    mount: Mount,
    owned: number[],
    { seen, isHidden = false, isSure = true, asked = name }: Seen = {},
  ) {
    this.parent = parent;
    this.name = name;
    this.treePath = treePath;
    this.mount = mount;
    this.#owned = owned;
    this.#seen = isHidden ? null : seen;
    this.isHidden = isHidden;
    this.isSure = isSure;
    this.asked = asked;
  }

  /** In its home or folder, as the books have it. */
  get path(): VirtualPath {
    return pathIn(this.mount, this.treePath);
  }

  /** The directory that holds the name. */
  get directory(): BigIntStats {
    this.#directory ??= fstatSync(this.parent, { bigint: true });
    return this.#directory;
  }

  /** The inode of the directory that holds the name: the path may lead elsewhere at any time. */
  get inside(): string {
    return inodeKey(this.directory);
  }

  /** The name below its directory; what stands there may change at any time. */
  get host(): string | Buffer {
    if (this.name === "") throw new FsError("EBUSY");
    // A folder can be taken away while this waits for the books.
    if (this.isHidden || !this.mount.tree.has(this.mount)) throw new FsError("ENOENT");
    return below(this.parent, this.name);
  }

  /** What stood at the name when that was first asked; undefined: nothing. */
  get seen(): Stats | undefined {
    if (this.name === "") return fstatSync(this.parent);
    if (this.#seen === undefined) this.#seen = lstatSync(this.host, QUIETLY) ?? null;
    return this.#seen ?? undefined;
  }

  /** The same. @throws FsError ENOENT when nothing stood there */
  get stat(): Stats {
    const { seen } = this;
    if (seen === undefined) throw new FsError("ENOENT");
    return seen;
  }

  /** What stood at the name when that was first asked, open (O_PATH); undefined: nothing. */
  get target(): number | undefined {
    if (this.name === "") return this.parent;
    if (this.#target === undefined && this.seen !== undefined) this.#open();
    return this.#target;
  }

  /** @throws FsError ENOENT when nothing stands there */
  get existing(): number {
    const { target } = this;
    if (target === undefined) throw new FsError("ENOENT");
    return target;
  }

  /** The inode that stands at the name now; undefined when none does. */
  current(): string | undefined {
    const stat = lstatSync(this.host, { bigint: true, throwIfNoEntry: false });
    return stat && inodeKey(stat);
  }

  /** Opens what stands at the name now: from now on that is what `target` is. */
  grasp(): BigIntStats {
    if (this.#target !== undefined) this.#close(this.#target);
    this.#target = undefined;
    const { name } = this;
    if (name !== "" && this.#open() === undefined) throw new FsError("ENOENT");
    return this.look();
  }

  /** What stands there, as it is now, whether or not it still has its name. */
  look(): BigIntStats {
    this.#last = fstatSync(this.existing, { bigint: true });
    return this.#last;
  }

  /** A descriptor of its own on the directory that stands there, which the caller closes. */
  reopen(): number {
    return openSync(itself(this.existing), O_PATH | constants.O_DIRECTORY);
  }

  /** The same directory's place for another name: closing either one closes both. */
  renamed(name: ByteString, treePath: VirtualPath, known: Seen = {}): Place {
    return new Place(this.parent, name, treePath, this.mount, this.#owned, known);
  }

  close(): void {
    for (const fd of this.#owned.splice(0)) letGo(fd);
  }

  /**
   * Closes it after what stands there may have been removed: the last close of a large file frees
   * its blocks, off the event loop. Undefined when that was done at once.
   */
  release(): Promise<void> | undefined {
    const target = this.#target;
    if (target === undefined || !this.#isLongToFree()) {
      this.close();
      return undefined;
    }
    this.#owned.splice(this.#owned.indexOf(target), 1);
    this.close();
    return letGoSlowly(target);
  }

  /** Of a disk that doesn't answer nothing is known: what was done here stays done. */
  #isLongToFree(): boolean {
    try {
      const { size } = this.#last ?? this.look();
      if (size <= LONG_TO_FREE) return false;
      const stat = this.look();
      return stat.isFile() && stat.nlink === 0n;
    } catch {
      return false;
    }
  }

  #open(): number | undefined {
    try {
      this.#target = openSync(this.host, ANYTHING);
    } catch (thrown) {
      if (toFsError(thrown).code !== "ENOENT") throw thrown;
      return undefined;
    }
    this.#owned.push(this.#target);
    return this.#target;
  }

  #close(fd: number): void {
    this.#owned.splice(this.#owned.indexOf(fd), 1);
    letGo(fd);
  }
}
