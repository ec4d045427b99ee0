import { type Dir, type Dirent, fstatSync, lstatSync, opendirSync, type Stats } from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import { type Guard, shownStat } from "./guard.ts";
import { letGo, letGoOfListing } from "./let-go.ts";
import { type ByteString, bytes, join, type VirtualPath } from "./path.ts";
import { below, itself } from "./proc.ts";
import { toFileStat } from "./stat.ts";
import { isTop } from "./trash.ts";
import { TRASH } from "./trash-names.ts";
import type { Mount } from "./tree.ts";
import type { DirectoryEntry, FileStat, OpenDirectory } from "./types.ts";

/** Entries the kernel is asked for at once. */
const BATCH = 128;

/** What rules and folders make of the names in a directory, as they are when each is listed. */
class Shown {
  readonly #guard: Guard;
  readonly #fd: number;
  #version: number | undefined;
  #isAll = true;

  /** @param fd the directory, open until it has been listed */
  constructor(guard: Guard, fd: number) {
    this.#guard = guard;
    this.#fd = fd;
  }

  /** Whether what the directory holds is read at all. */
  get isRead(): boolean {
    const { mount, treePath } = this.#guard;
    return mount.tree.isPlain || mount.tree.access.rights(treePath).read;
  }

  hides(name: ByteString): boolean {
    if (name === TRASH && isTop(this.#fd, this.#guard.mount.ground.fd)) return true;
    return !this.#showsAll && (this.#mountAt(name) !== undefined || this.#isHidden(name));
  }

  stat(name: ByteString, stat: Stats): FileStat {
    return this.#showsAll ? toFileStat(stat) : shownStat(this.#spot(name), stat);
  }

  /** Entries that are not in it, or are looked at in another way. */
  more(): DirectoryEntry[] {
    if (this.#showsAll) return [];
    const { mount, treePath } = this.#guard;
    return mount.tree.namesIn(treePath).flatMap((name) => {
      const stat = this.#isHidden(name) ? undefined : this.#look(name);
      return stat === undefined ? [] : [{ name, stat: this.stat(name, stat) }];
    });
  }

  /** Nothing is ruled about what is in it. */
  get #showsAll(): boolean {
    const { mount, treePath } = this.#guard;
    const { tree } = mount;
    if (this.#version === tree.version) return this.#isAll;
    this.#version = tree.version;
    this.#isAll = tree.isPlain || (this.isRead && !tree.isFixed(treePath));
    return this.#isAll;
  }

  #look(name: ByteString): Stats | undefined {
    const inner = this.#mountAt(name);
    if (inner !== undefined) return fstatSync(inner.ground.fd);
    return this.isRead ? undefined : lstatSync(below(this.#fd, name), { throwIfNoEntry: false });
  }

  #isHidden(name: ByteString): boolean {
    return !this.#guard.mount.tree.access.isVisible(this.#path(name));
  }

  #mountAt(name: ByteString): Mount | undefined {
    return this.#guard.mount.tree.mountAt(this.#path(name));
  }

  #spot(name: ByteString) {
    return { mount: this.#mountAt(name) ?? this.#guard.mount, treePath: this.#path(name) };
  }

  #path(name: ByteString): VirtualPath {
    return join(this.#guard.treePath, name);
  }
}

/** A directory being listed, in the kernel's order. */
export class HomeDirectory implements OpenDirectory {
  readonly #fd: number;
  readonly #stream: Dir | undefined;
  readonly #onClose: (directory: HomeDirectory) => void;
  readonly #guard: Guard;
  readonly #shown: Shown;
  #more: DirectoryEntry[] | undefined;
  #dots: ("." | "..")[] = [".", ".."];
  #closed = false;

  /** @param fd an O_PATH descriptor of the directory, from now on this object's to close */
  constructor(fd: number, guard: Guard, onClose: (directory: HomeDirectory) => void) {
    this.#fd = fd;
    this.#guard = guard;
    this.#onClose = onClose;
    this.#shown = new Shown(guard, fd);
    if (!this.#shown.isRead) return;
    // Node's types know only text encodings; "buffer" gives names as bytes.
    const encoding = "buffer" as BufferEncoding;
    this.#stream = opendirSync(itself(fd), { encoding, bufferSize: BATCH });
  }

  get path(): VirtualPath {
    return this.#guard.treePath;
  }

  get isGone(): boolean {
    return this.#guard.isGone;
  }

  relocate(): void {
    this.#guard.relocate(this.#fd);
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
    if (this.#stream) letGoOfListing(this.#stream);
    letGo(this.#fd);
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
    if (this.#shown.hides(name)) return null;
    const stat = lstatSync(below(this.#fd, name), { throwIfNoEntry: false });
    return stat === undefined ? null : { name, stat: this.#shown.stat(name, stat) };
  }

  /** What is shown besides what the kernel knows. */
  #further(): DirectoryEntry | undefined {
    this.#more ??= this.#shown.more();
    return this.#more.shift();
  }
}
