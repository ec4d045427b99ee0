import {
  type BigIntStats,
  close,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  type Stats,
  type StatsFsBase,
  statfsSync,
} from "node:fs";
import { promisify } from "node:util";
import { FsError, toFsError } from "../errors.ts";
import { descriptors } from "./descriptors.ts";
import { Ladder } from "./ladder.ts";
import {
  type ByteString,
  bytes,
  components,
  endsInDirectory,
  join,
  MAX_DEPTH,
  ROOT,
  type VirtualPath,
} from "./path.ts";
import { ANYTHING, below, DIRECTORY, inodeKey, itself, O_PATH } from "./proc.ts";

/** As many links as Linux follows in one path (MAXSYMLINKS). */
const MAX_LINKS = 40;

/**
 * Names looked up for one path, those in the texts of links included. Each takes microseconds in
 * which nobody else is served, and 40 links of 4 KiB would name tens of thousands.
 */
const MAX_STEPS = 4 * MAX_DEPTH;

/** A removed file above this may take the disk a while to free, in bytes. */
const LONG_TO_FREE = 1024n * 1024n;

/** A missing name is told without an exception, which costs more than the look. */
const QUIETLY = { throwIfNoEntry: false } as const;

const closeAsync = promisify(close);

/**
 * Where a path leads: the directory that holds the last name (open, O_PATH), and the name. What
 * stands there is looked at, or opened (O_PATH), when it is asked for: most requests need one of
 * the two. The name is "" when the path ends in the home itself or in "..": then the directory is
 * what stands there. Close it.
 */
export class Place {
  readonly parent: number;
  readonly name: ByteString;
  readonly path: VirtualPath;
  /** false: the path may lead elsewhere by now, or be shortened */
  readonly isSure: boolean;
  /** to be closed with the place */
  readonly #owned: number[];
  /** null: nothing stands there; undefined: nobody has looked */
  #seen: Stats | null | undefined;
  #target: number | undefined;
  #directory: BigIntStats | undefined;
  #last: BigIntStats | undefined;

  /**
   * @param owned descriptors that are closed with it
   * @param seen what stood at the name a moment ago, null: nothing; without it, nobody has looked
   */
  constructor(
    parent: number,
    name: ByteString,
    path: VirtualPath,
    owned: number[],
    seen?: Stats | null,
    isSure = true,
  ) {
    this.parent = parent;
    this.name = name;
    this.path = path;
    this.#owned = owned;
    this.#seen = seen;
    this.isSure = isSure;
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

  close(): void {
    for (const fd of this.#owned.splice(0)) closeSync(fd);
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
    return closeAsync(target);
  }

  #isLongToFree(): boolean {
    const { size } = this.#last ?? this.look();
    if (size <= LONG_TO_FREE) return false;
    const stat = this.look();
    return stat.isFile() && stat.nlink === 0n;
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
    closeSync(fd);
  }
}

/** Where paths are looked up. */
export interface Places {
  /**
   * @param follow whether a link at the end is resolved; with a slash behind it, it always is
   * @throws FsError ENOENT or ENOTDIR for a missing or wrong directory on the way, ELOOP
   */
  locate(path: ByteString, follow: boolean): Place;
}

/**
 * Resolves clients' paths inside one directory and never outside it, whatever others rename or
 * link meanwhile: each component is opened from its parent's descriptor with O_NOFOLLOW, links are
 * read and resolved here, absolute ones from the home, and ".." goes back along the way we came.
 */
export class Jail implements Places {
  readonly #root: number;

  /** @param home the host's path of the directory, which is no link */
  constructor(home: string) {
    this.#root = openSync(home, DIRECTORY);
  }

  close(): void {
    closeSync(this.#root);
  }

  /** The disk the home is on. */
  disk(): StatsFsBase<bigint> {
    return statfsSync(itself(this.#root), { bigint: true });
  }

  locate(path: ByteString, follow: boolean): Place {
    const way = new Way(this.#root);
    try {
      return walk(toSteps(path).reverse(), way, follow);
    } catch (thrown) {
      way.ladder.restart();
      descriptors.noticed(thrown);
      throw toFsError(thrown);
    }
  }
}

/** What a name in a directory leads to that is open already, at any depth. A link is not followed. */
export function locateIn(directory: number, name: ByteString, path: VirtualPath): Place {
  try {
    // A descriptor of its own: the directory may be left, and closed, before the place is.
    const parent = openSync(itself(directory), O_PATH | constants.O_DIRECTORY);
    const last = name === "." ? ("" as ByteString) : name;
    return new Place(parent, last, path, [parent], undefined, false);
  } catch (thrown) {
    throw toFsError(thrown);
  }
}

/** How far a walk has come. */
class Way {
  readonly ladder: Ladder;
  readonly #paths: VirtualPath[] = [ROOT];

  constructor(root: number) {
    this.ladder = new Ladder(root);
  }

  get path(): VirtualPath {
    return this.#paths.at(-1) as VirtualPath;
  }

  down(fd: number, name: ByteString): void {
    this.ladder.down(fd);
    this.#paths.push(join(this.path, name));
    if (this.#paths.length > MAX_DEPTH) throw new FsError("ENAMETOOLONG");
  }

  up(): void {
    if (this.ladder.depth === 0) return;
    this.ladder.up();
    this.#paths.pop();
  }

  restart(): void {
    this.ladder.restart();
    this.#paths.length = 1;
  }

  /** @param seen what stands at the name, null: nothing; without it, nobody has looked */
  arrive(name: ByteString, seen?: Stats | null): Place {
    const { path } = this;
    const inHome = this.ladder.depth === 0;
    const parent = this.ladder.take();
    const owned = inHome ? [] : [parent];
    return new Place(parent, name, name === "" ? path : join(path, name), owned, seen);
  }
}

/** @param rest the names still to be walked, the next one last */
function walk(rest: ByteString[], way: Way, follow: boolean): Place {
  let links = 0;
  for (let steps = 0; ; steps += 1) {
    if (steps > MAX_STEPS) throw new FsError("ENAMETOOLONG");
    const name = rest.pop();
    if (name === undefined) return way.arrive("" as ByteString);
    if (name === ".") continue;
    if (name === "..") {
      way.up();
      continue;
    }
    const here = way.ladder.fd;
    if (rest.length > 0) {
      const fd = openDirectory(here, name);
      if (fd !== undefined) {
        way.down(fd, name);
        continue;
      }
    } else {
      if (!follow) return way.arrive(name);
      const seen = lstatSync(below(here, name), QUIETLY);
      if (!seen?.isSymbolicLink()) return way.arrive(name, seen ?? null);
    }
    links += 1;
    if (links > MAX_LINKS) throw new FsError("ELOOP");
    const text = readLinkAt(here, name);
    if (text === undefined) {
      // No longer a link: look again (it counts as a link, so a race can't keep us here).
      rest.push(name);
      continue;
    }
    const parts = toSteps(text);
    for (let i = parts.length - 1; i >= 0; i -= 1) rest.push(parts[i] as ByteString);
    if (rest.length > 4096) throw new FsError("ENAMETOOLONG");
    if (text.startsWith("/")) way.restart();
  }
}

/** The components of a path, with "." behind a last one that has to be a directory. */
function toSteps(path: ByteString): ByteString[] {
  const parts = components(path);
  if (parts.length > 0 && endsInDirectory(path)) parts.push("." as ByteString);
  return parts;
}

/** A directory on the way. undefined: a link stands there (or did, a moment ago). */
function openDirectory(parent: number, name: ByteString): number | undefined {
  const host = below(parent, name);
  try {
    return openSync(host, DIRECTORY);
  } catch (thrown) {
    const { code } = toFsError(thrown);
    if ((code === "ENOTDIR" || code === "ELOOP") && isLinkAt(host)) return undefined;
    throw thrown;
  }
}

function isLinkAt(host: string | Buffer): boolean {
  return lstatSync(host, QUIETLY)?.isSymbolicLink() ?? false;
}

export function isLink(fd: number): boolean {
  return fstatSync(fd).isSymbolicLink();
}

/** The link's text, or undefined when what stands there is no link (any more). */
export function readLinkAt(parent: number, name: ByteString): ByteString | undefined {
  try {
    return bytes(readlinkSync(below(parent, name), { encoding: "buffer" }));
  } catch (thrown) {
    if (toFsError(thrown).code === "EINVAL") return undefined;
    throw thrown;
  }
}
