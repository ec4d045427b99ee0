import {
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  type StatsFsBase,
  statfsSync,
} from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import { descriptors } from "./descriptors.ts";
import { Ladder } from "./ladder.ts";
import { letGo } from "./let-go.ts";
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
import { Place, QUIETLY, type Seen } from "./place.ts";
import { below, DIRECTORY, inodeKey, itself, O_PATH } from "./proc.ts";
import { isTop } from "./trash.ts";
import { TRASH } from "./trash-names.ts";
import type { Mount, Tree } from "./tree.ts";

/** As many links as Linux follows in one path (MAXSYMLINKS). */
const MAX_LINKS = 40;

/**
 * Names looked up for one path, those in the texts of links included. Each takes microseconds in
 * which nobody else is served, and 40 links of 4 KiB would name tens of thousands.
 */
const MAX_STEPS = 4 * MAX_DEPTH;

/** Where paths are looked up. */
export interface Places {
  /**
   * @param follow whether a link at the end is resolved; with a slash behind it, it always is
   * @throws FsError ENOENT or ENOTDIR for a missing or wrong directory on the way, ELOOP
   */
  locate(path: ByteString, follow: boolean): Place;
}

/**
 * Resolves clients' paths inside one tree and never outside it, whatever others rename or link
 * meanwhile: each component is opened from its parent's descriptor with O_NOFOLLOW, links are read
 * and resolved here, absolute ones from the top of the tree, and ".." goes back along the way we came.
 * What the user may not see is not looked for.
 */
export class Jail implements Places {
  readonly tree: Tree;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  close(): void {
    this.tree.close();
  }

  locate(path: ByteString, follow: boolean): Place {
    const way = new Way(this.tree);
    try {
      return walk(toSteps(path).reverse(), way, follow);
    } catch (thrown) {
      way.ladder.restart();
      descriptors.noticed(thrown);
      throw toFsError(thrown);
    }
  }
}

/** The disk that a home or folder is on. */
export function diskOf({ ground }: Mount): StatsFsBase<bigint> {
  return statfsSync(itself(ground.fd), { bigint: true });
}

/**
 * What a name in a directory leads to that is open already, at any depth. A link is not followed.
 * @param mount what the directory is in
 * @param treePath of the name
 * @throws FsError ENOENT also for what the user may not see
 */
export function locateIn(
  directory: number,
  name: ByteString,
  treePath: VirtualPath,
  mount: Mount,
): Place {
  const { tree } = mount;
  if (!tree.has(mount)) throw new FsError("ENOENT");
  try {
    if (name === TRASH) checkNoTrash(directory, mount);
    const isHidden = !tree.isPlain && !tree.access.isVisible(treePath);
    const there = isHidden ? veiled(tree, directory, name, treePath) : { name, seen: {} };
    const seen = { ...there.seen, isSure: false };
    const inner = name === "." ? undefined : tree.mountAt(treePath);
    if (inner !== undefined) {
      const fd = openMount(inner);
      return new Place(fd, "" as ByteString, treePath, inner, [fd], seen);
    }
    // A descriptor of its own: the directory may be left, and closed, before the place is.
    const parent = openSync(itself(directory), O_PATH | constants.O_DIRECTORY);
    const last = name === "." ? ("" as ByteString) : there.name;
    const path = last === name || last === "" ? treePath : besides(treePath, last);
    return new Place(parent, last, path, mount, [parent], seen);
  } catch (thrown) {
    throw toFsError(thrown);
  }
}

/** What stands for a name that may not be seen: nothing, or what this session uploaded by it. */
function veiled(tree: Tree, directory: number, name: ByteString, path: VirtualPath): Veiled {
  const own = tree.own.at(path);
  const stat = own && lstatSync(below(directory, own.name), EXACTLY);
  if (own === undefined || stat === undefined || inodeKey(stat) !== own.inode) {
    return { name, seen: { isHidden: true } };
  }
  return { name: own.name, seen: { asked: name } };
}

interface Veiled {
  readonly name: ByteString;
  readonly seen: Seen;
}

const EXACTLY = { bigint: true, throwIfNoEntry: false } as const;

function besides(path: VirtualPath, name: ByteString): VirtualPath {
  return join((path.slice(0, path.lastIndexOf("/")) || ROOT) as VirtualPath, name);
}

function openMount({ ground }: Mount): number {
  return openSync(itself(ground.fd), O_PATH | constants.O_DIRECTORY);
}

/** How far a walk has come. */
class Way {
  readonly tree: Tree;
  readonly ladder: Ladder;
  readonly #paths: VirtualPath[] = [ROOT];
  #mount: Mount;

  constructor(tree: Tree) {
    this.tree = tree;
    this.#mount = tree.home;
    this.ladder = new Ladder(tree.home.ground.fd);
  }

  get path(): VirtualPath {
    return this.#paths.at(-1) as VirtualPath;
  }

  get mount(): Mount {
    return this.#mount;
  }

  down(fd: number, name: ByteString): void {
    this.ladder.down(fd);
    this.#push(join(this.path, name));
  }

  /** Goes into what is mounted at a name here. */
  enter(mount: Mount): void {
    const fd = openMount(mount);
    try {
      this.ladder.down(fd, false);
    } catch (thrown) {
      letGo(fd);
      throw thrown;
    }
    this.#mount = mount;
    this.#push(mount.at);
  }

  #push(path: VirtualPath): void {
    this.#paths.push(path);
    if (this.#paths.length > MAX_DEPTH) throw new FsError("ENAMETOOLONG");
  }

  up(): void {
    if (this.ladder.depth === 0) return;
    this.ladder.up();
    this.#paths.pop();
    if (this.#mount !== this.tree.home) this.#mount = this.tree.mountOf(this.path);
  }

  restart(): void {
    this.ladder.restart();
    this.#paths.length = 1;
    this.#mount = this.tree.home;
  }

  arrive(name: ByteString, seen?: Seen): Place {
    const { path } = this;
    const inHome = this.ladder.depth === 0;
    const parent = this.ladder.take();
    const owned = inHome ? [] : [parent];
    const treePath = name === "" ? path : join(path, name);
    return new Place(parent, name, treePath, this.#mount, owned, seen);
  }
}

/** @param rest the names still to be walked, the next one last */
function walk(rest: ByteString[], way: Way, follow: boolean): Place {
  let links = 0;
  let bound: Mount | undefined;
  const arrive = (name: ByteString, seen?: Seen): Place => {
    // Else who puts a link into a folder would have others write elsewhere in trees of their own.
    if (bound !== undefined && way.mount !== bound) throw new FsError("EACCES", LEADS_OUT);
    return way.arrive(name, seen);
  };
  for (let steps = 0; ; steps += 1) {
    if (steps > MAX_STEPS) throw new FsError("ENAMETOOLONG");
    const name = rest.pop();
    if (name === undefined) return arrive("" as ByteString);
    if (name === ".") continue;
    if (name === "..") {
      way.up();
      continue;
    }
    if (name === TRASH) checkNoTrash(way.ladder.fd, way.mount);
    if (!way.tree.isPlain) {
      const there = ruled(way, name, rest.length === 0);
      if (there === "entered") continue;
      if (there !== undefined) return arrive(there.name, there.seen);
    }
    const here = way.ladder.fd;
    if (rest.length > 0) {
      const fd = openDirectory(here, name);
      if (fd !== undefined) {
        way.down(fd, name);
        continue;
      }
    } else {
      if (!follow) return arrive(name);
      const seen = lstatSync(below(here, name), QUIETLY);
      if (!seen?.isSymbolicLink()) return arrive(name, { seen: seen ?? null });
    }
    links += 1;
    if (links > MAX_LINKS) throw new FsError("ELOOP");
    const text = readLinkAt(here, name);
    if (text === undefined) {
      // No longer a link: look again (it counts as a link, so a race can't keep us here).
      rest.push(name);
      continue;
    }
    if (way.mount !== way.tree.home) bound ??= way.mount;
    const parts = toSteps(text);
    for (let i = parts.length - 1; i >= 0; i -= 1) rest.push(parts[i] as ByteString);
    if (rest.length > 4096) throw new FsError("ENAMETOOLONG");
    if (text.startsWith("/")) way.restart();
  }
}

/** @throws FsError EACCES at the top of a home or folder, whether or not the trash is there */
function checkNoTrash(directory: number, { ground, tree }: Mount): void {
  if (tree.hidesTrash && isTop(directory, ground.fd)) throw new FsError("EACCES", KEPT_NAME);
}

const KEPT_NAME = "that name is kept for the trash: `trash list` in a shell shows what is in it";

const LEADS_OUT = "a link in a shared folder does not lead out of it";

/**
 * What rules and mounts make of a name: undefined is nothing.
 * @throws FsError ENOENT for what is on the way and may not be seen
 */
function ruled(way: Way, name: ByteString, isLast: boolean) {
  const { tree } = way;
  const path = join(way.path, name);
  const mount = tree.mountAt(path);
  if (!tree.access.isVisible(path)) {
    if (!isLast) throw new FsError("ENOENT");
    return veiled(tree, way.ladder.fd, name, path);
  }
  if (mount === undefined) return undefined;
  way.enter(mount);
  return "entered";
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
