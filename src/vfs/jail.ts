import {
  type BigIntStats,
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
import {
  type ByteString,
  bytes,
  components,
  endsInDirectory,
  join,
  ROOT,
  type VirtualPath,
} from "./path.ts";

/** Linux <fcntl.h>: a descriptor that names a file without opening it. Node has no constant for it. */
export const O_PATH = 0o10000000;

/** As many links as Linux follows in one path (MAXSYMLINKS). */
const MAX_LINKS = 40;

/** Each level costs a descriptor while a path is walked: deeper ones are refused. */
export const MAX_DEPTH = 256;

/**
 * Names looked up for one path, those in the texts of links included. Each takes microseconds in
 * which nobody else is served, and 40 links of 4 KiB would name tens of thousands.
 */
const MAX_STEPS = 4 * MAX_DEPTH;

/** A removed file above this may take the disk a while to free, in bytes. */
const LONG_TO_FREE = 1024 * 1024;

const closeAsync = promisify(close);

const DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const ANYTHING = O_PATH | constants.O_NOFOLLOW;

/**
 * A name below an open descriptor, in a form every fs call takes. The kernel resolves
 * /proc/self/fd/N to the directory itself, so nobody can swap what lies above the name.
 */
export function below(fd: number, name: ByteString): string | Buffer {
  const path = `/proc/self/fd/${fd}/${name}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for plain ASCII
  return /^[\x00-\x7f]*$/.test(name) ? path : Buffer.from(path, "latin1");
}

/** The file a descriptor names, as a path: following it reaches exactly that file. */
export function itself(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

/**
 * Tells one file from all others, also from a later one with the same inode number: a removed
 * file's number is soon used again.
 */
export function inodeKey(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`;
}

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

  constructor(
    parent: number,
    name: ByteString,
    path: VirtualPath,
    target: number | undefined,
    owned: number[],
  ) {
    this.parent = parent;
    this.name = name;
    this.path = path;
    this.target = target;
    this.#owned = owned;
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

interface Step {
  readonly fd: number;
  readonly path: VirtualPath;
}

/**
 * Resolves clients' paths inside one directory and never outside it, whatever others rename or
 * link meanwhile: each component is opened from its parent's descriptor with O_NOFOLLOW, links are
 * read and resolved here, absolute ones from the home, and ".." goes back along the way we came.
 */
export class Jail {
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

  /**
   * @param follow whether a link at the end is resolved; with a slash behind it, it always is
   * @throws FsError ENOENT or ENOTDIR for a missing or wrong directory on the way, ELOOP
   */
  locate(path: ByteString, follow: boolean): Place {
    const way: Step[] = [{ fd: this.#root, path: ROOT }];
    try {
      return this.#walk(toSteps(path).reverse(), way, follow);
    } catch (thrown) {
      this.#retreat(way, 1);
      descriptors.noticed(thrown);
      throw toFsError(thrown);
    }
  }

  #walk(rest: ByteString[], way: Step[], follow: boolean): Place {
    let links = 0;
    for (let steps = 0; ; steps += 1) {
      if (steps > MAX_STEPS) throw new FsError("ENAMETOOLONG");
      const name = rest.pop();
      const here = way[way.length - 1] as Step;
      if (name === undefined) return this.#arrive(way, "" as ByteString, here.fd);
      if (name === ".") continue;
      if (name === "..") {
        if (way.length > 1) this.#retreat(way, way.length - 1);
        continue;
      }
      const last = rest.length === 0;
      const fd = openAt(here.fd, name, last);
      if (fd === undefined && last) return this.#arrive(way, name, undefined);
      if (fd !== undefined && !last) {
        way.push({ fd, path: join(here.path, name) });
        if (way.length > MAX_DEPTH) throw new FsError("ENAMETOOLONG");
        continue;
      }
      if (fd !== undefined && !(follow && isLink(fd))) return this.#arrive(way, name, fd);
      if (fd !== undefined) closeSync(fd);
      links += 1;
      if (links > MAX_LINKS) throw new FsError("ELOOP");
      const text = readLinkAt(here.fd, name);
      if (text === undefined) {
        // No longer a link: look again (it counts as a link, so a race can't keep us here).
        rest.push(name);
        continue;
      }
      const parts = toSteps(text);
      for (let i = parts.length - 1; i >= 0; i -= 1) rest.push(parts[i] as ByteString);
      if (rest.length > 4096) throw new FsError("ENAMETOOLONG");
      if (text.startsWith("/")) this.#retreat(way, 1);
    }
  }

  #arrive(way: Step[], name: ByteString, target: number | undefined): Place {
    const here = way[way.length - 1] as Step;
    for (const step of way.slice(1, -1)) closeSync(step.fd);
    const owned = way.length > 1 ? [here.fd] : [];
    if (target !== undefined && target !== here.fd) owned.push(target);
    const path = name === "" ? here.path : join(here.path, name);
    return new Place(here.fd, name, path, target, owned);
  }

  #retreat(way: Step[], keep: number): void {
    for (const step of way.splice(keep)) closeSync(step.fd);
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

function isLink(fd: number): boolean {
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
