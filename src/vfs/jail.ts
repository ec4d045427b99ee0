import {
  close,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
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
const LONG_TO_FREE = 1024 * 1024;

const closeAsync = promisify(close);

/**
 * Where a path leads: the directory that holds the last name (open, O_PATH), the name, and what
 * stands there now (open, O_PATH), if anything. The name is "" when the path ends in the home
 * itself or in "..": then only `target` counts. Close it.
 */
export class Place {
  readonly parent: number;
  readonly name: ByteString;
  readonly path: VirtualPath;
  readonly target: number | undefined;
  readonly #owned: number[];
  /** false: the path may lead elsewhere by now, or be shortened */
  readonly isSure: boolean;

  constructor(
    parent: number,
    name: ByteString,
    path: VirtualPath,
    target: number | undefined,
    owned: number[],
    isSure = true,
  ) {
    this.parent = parent;
    this.name = name;
    this.path = path;
    this.target = target;
    this.#owned = owned;
    this.isSure = isSure;
  }

  /** The inode of the directory that holds the name: the path may lead elsewhere at any time. */
  get inside(): string {
    return inodeKey(fstatSync(this.parent, { bigint: true }));
  }

  /** The name below its directory; what stands there may change at any time. */
  get host(): string | Buffer {
    if (this.name === "") throw new FsError("EBUSY");
    return below(this.parent, this.name);
  }

  /** @throws FsError ENOENT when nothing stands there */
  get existing(): number {
    if (this.target === undefined) throw new FsError("ENOENT");
    return this.target;
  }

  /** The inode that stands at the name now; undefined when none does. */
  current(): string | undefined {
    const stat = lstatSync(this.host, { bigint: true, throwIfNoEntry: false });
    return stat && inodeKey(stat);
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
    const { target } = this;
    const at = target === undefined ? -1 : this.#owned.indexOf(target);
    if (target === undefined || at < 0) {
      this.close();
      return undefined;
    }
    const stat = fstatSync(target);
    const long = stat.isFile() && stat.nlink === 0 && stat.size > LONG_TO_FREE;
    if (long) this.#owned.splice(at, 1);
    this.close();
    return long ? closeAsync(target) : undefined;
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
  // A descriptor of its own: the directory may be left, and closed, before the place is.
  const parent = openSync(itself(directory), O_PATH | constants.O_DIRECTORY);
  try {
    if (name === ".") return new Place(parent, "" as ByteString, path, parent, [parent], false);
    const target = openAt(parent, name, true);
    const owned = target === undefined ? [parent] : [parent, target];
    return new Place(parent, name, path, target, owned, false);
  } catch (thrown) {
    closeSync(parent);
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

  /** @param target undefined when no entry has that name; the directory itself when there is no name */
  arrive(name: ByteString, target?: number): Place {
    const { path } = this;
    const inHome = this.ladder.depth === 0;
    const parent = this.ladder.take();
    const owned = inHome ? [] : [parent];
    if (name === "") return new Place(parent, name, path, parent, owned);
    if (target !== undefined) owned.push(target);
    return new Place(parent, name, join(path, name), target, owned);
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
    const last = rest.length === 0;
    const here = way.ladder.fd;
    const fd = openAt(here, name, last);
    if (fd === undefined && last) return way.arrive(name);
    if (fd !== undefined && !last) {
      way.down(fd, name);
      continue;
    }
    if (fd !== undefined && !(follow && isLink(fd))) return way.arrive(name, fd);
    if (fd !== undefined) closeSync(fd);
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

/** undefined: missing when it is the last, a link (or gone meanwhile) when it is not. */
function openAt(parent: number, name: ByteString, last: boolean): number | undefined {
  const host = below(parent, name);
  // Only to be told of a missing name without an exception; what counts is the open.
  if (last && lstatSync(host, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    return openSync(host, last ? ANYTHING : DIRECTORY);
  } catch (thrown) {
    const { code } = toFsError(thrown);
    if (last && code === "ENOENT") return undefined;
    if (!last && (code === "ENOTDIR" || code === "ELOOP") && isLinkAt(host)) return undefined;
    throw thrown;
  }
}

function isLinkAt(host: string | Buffer): boolean {
  return lstatSync(host, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
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
