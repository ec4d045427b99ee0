import {
  closeSync,
  type Dir,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  type Stats,
} from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import { type Guard, shownStat } from "./guard.ts";
import { type ByteString, bytes, join, type VirtualPath } from "./path.ts";
import type { Place } from "./place.ts";
import { below, itself } from "./proc.ts";
import { toFileStat } from "./stat.ts";
import type { DirectoryEntry, OpenDirectory } from "./types.ts";

/** Entries the kernel is asked for at once. */
const BATCH = 128;

/** What rules and folders make of a directory's names. */
export interface Shown {
  /** undefined: what the directory holds is not read at all */
  readonly hides?: (name: ByteString) => boolean;
  /** entries that are not in it, or are looked at in another way */
  readonly more: () => readonly DirectoryEntry[];
}

/** A directory being listed, in the kernel's order. */
export class HomeDirectory implements OpenDirectory {
  readonly path: VirtualPath;
  readonly #fd: number;
  readonly #stream: Dir | undefined;
  readonly #onClose: (directory: HomeDirectory) => void;
  readonly #guard: Guard;
  readonly #shown: Shown | undefined;
  #more: DirectoryEntry[] | undefined;
  #dots: ("." | "..")[] = [".", ".."];
  #closed = false;

  /**
   * @param fd an O_PATH descriptor of the directory, from now on this object's to close
   * @param shown without it, all that is in it
   */
  constructor(
    fd: number,
    guard: Guard,
    onClose: (directory: HomeDirectory) => void,
    shown?: Shown,
  ) {
    this.#fd = fd;
    this.#guard = guard;
    this.path = guard.treePath;
    this.#onClose = onClose;
    this.#shown = shown;
    if (shown !== undefined && shown.hides === undefined) return;
    // Node's types know only text encodings; "buffer" gives names as bytes.
    const encoding = "buffer" as BufferEncoding;
    this.#stream = opendirSync(itself(fd), { encoding, bufferSize: BATCH });
  }

  get isGone(): boolean {
    return this.#guard.isGone;
  }

  async next(count: number): Promise<DirectoryEntry[]> {
    if (this.#closed) throw new FsError("EBADF");
    if (this.#stream !== undefined && !this.#guard.mayRead) throw new FsError("EACCES");
    const entries: DirectoryEntry[] = [];
    try {
      while (entries.length < count) {
        const entry = this.#read();
        if (entry === undefined) break;
        if (entry !== null) entries.push(entry);
      }
    } catch (thrown) {
      throw toFsError(thrown);
    }
    return entries;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(this);
    this.#stream?.closeSync();
    closeSync(this.#fd);
  }

  /** undefined at the end, null for a name that went away meanwhile. */
  #read(): DirectoryEntry | undefined | null {
    const dot = this.#dots.shift();
    if (dot !== undefined) {
      // The home's ".." is the home itself, and what lies above others is theirs to ask for.
      return { name: dot as ByteString, stat: shownStat(this.#guard, fstatSync(this.#fd)) };
    }
    const found = this.#stream?.readSync() as Dirent | null | undefined;
    if (found === null || found === undefined) return this.#further();
    const name = bytes(found.name as unknown as Buffer);
    if (this.#shown?.hides?.(name)) return null;
    const stat = lstatSync(below(this.#fd, name), { throwIfNoEntry: false });
    return stat === undefined ? null : { name, stat: toFileStat(stat) };
  }

  /** What is shown besides what the kernel knows. */
  #further(): DirectoryEntry | undefined {
    this.#more ??= [...(this.#shown?.more() ?? [])];
    return this.#more.shift();
  }
}

/**
 * What rules and folders make of the names in a directory; undefined: nothing.
 * @param fd the directory, open until it has been listed
 */
export function shownIn({ mount, treePath }: Place, fd: number): Shown | undefined {
  const { tree } = mount;
  if (tree.isPlain) return undefined;
  const reads = tree.access.rights(treePath).read;
  if (reads && !tree.isFixed(treePath)) return undefined;
  const isHidden = (name: ByteString): boolean => !tree.access.isVisible(join(treePath, name));
  const mountAt = (name: ByteString) => tree.mountAt(join(treePath, name));
  const look = (name: ByteString): Stats | undefined => {
    const inner = mountAt(name);
    if (inner !== undefined) return fstatSync(inner.ground.fd);
    return reads ? undefined : lstatSync(below(fd, name), { throwIfNoEntry: false });
  };
  const more = (): DirectoryEntry[] =>
    tree.namesIn(treePath).flatMap((name) => {
      const stat = isHidden(name) ? undefined : look(name);
      const spot = { mount: mountAt(name) ?? mount, treePath: join(treePath, name) };
      return stat === undefined ? [] : [{ name, stat: shownStat(spot, stat) }];
    });
  if (!reads) return { more };
  return { more, hides: (name) => mountAt(name) !== undefined || isHidden(name) };
}
