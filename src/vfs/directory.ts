import { closeSync, type Dir, type Dirent, fstatSync, lstatSync, opendirSync } from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import { type ByteString, bytes, type VirtualPath } from "./path.ts";
import { below, itself } from "./proc.ts";
import { toFileStat } from "./stat.ts";
import type { DirectoryEntry, OpenDirectory } from "./types.ts";

/** Entries the kernel is asked for at once. */
const BATCH = 128;

/** A directory being listed, in the kernel's order. */
export class HomeDirectory implements OpenDirectory {
  readonly path: VirtualPath;
  readonly #fd: number;
  readonly #stream: Dir;
  readonly #onClose: (directory: HomeDirectory) => void;
  #dots: ("." | "..")[] = [".", ".."];
  #closed = false;

  /** @param fd an O_PATH descriptor of the directory, from now on this object's to close */
  constructor(fd: number, path: VirtualPath, onClose: (directory: HomeDirectory) => void) {
    this.#fd = fd;
    this.path = path;
    this.#onClose = onClose;
    // Node's types know only text encodings; "buffer" gives names as bytes.
    const encoding = "buffer" as BufferEncoding;
    this.#stream = opendirSync(itself(fd), { encoding, bufferSize: BATCH });
  }

  async next(count: number): Promise<DirectoryEntry[]> {
    if (this.#closed) throw new FsError("EBADF");
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
    this.#stream.closeSync();
    closeSync(this.#fd);
  }

  /** undefined at the end, null for a name that went away meanwhile. */
  #read(): DirectoryEntry | undefined | null {
    const dot = this.#dots.shift();
    if (dot !== undefined) {
      // The home's ".." is the home itself, and what lies above others is theirs to ask for.
      return { name: dot as ByteString, stat: toFileStat(fstatSync(this.#fd)) };
    }
    const found = this.#stream.readSync() as Dirent | null;
    if (found === null) return undefined;
    const name = bytes(found.name as unknown as Buffer);
    const stat = lstatSync(below(this.#fd, name), { throwIfNoEntry: false });
    return stat === undefined ? null : { name, stat: toFileStat(stat) };
  }
}
