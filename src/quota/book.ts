import type { BookRow, OpenBook } from "../store/leases.ts";
import { freeBytes } from "../store/slack.ts";
import type { FileState, Removed, Usage } from "../vfs/books.ts";

/** One handle of an open file. */
interface Handle {
  /** bytes it may reach without asking */
  charged: number;
  /** charged beyond its need, or as another handle is */
  slack: boolean;
  frozen: boolean;
}

/** A file that is open. */
interface OpenedFile {
  path: string;
  unlinked: boolean;
  /** the journal, or the store, says that it may change */
  tracked: boolean;
  readonly handles: Map<number, Handle>;
}

/**
 * The book of one home in memory: what `users` and `open_files` say in the store, by the same
 * rules. Usage is the sum over all files of what each is charged: its size, or for an open one the
 * most that any of its handles is charged. Paths are raw bytes as latin1.
 */
export class Book implements Usage {
  usedBytes: number;
  usedFiles: number;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  readonly #files = new Map<string, OpenedFile>();

  constructor({ usedBytes, usedFiles, quotaBytes, quotaFiles, rows }: OpenBook) {
    this.usedBytes = usedBytes;
    this.usedFiles = usedFiles;
    this.quotaBytes = quotaBytes;
    this.quotaFiles = quotaFiles;
    for (const { inode, path, row, charged, slack, unlinked, frozen } of rows) {
      const file = this.#file(inode, path.toString("latin1"));
      file.tracked = true;
      file.unlinked ||= unlinked;
      file.handles.set(row, { charged, slack, frozen });
    }
  }

  usage(): Usage {
    const { usedBytes, usedFiles, quotaBytes, quotaFiles } = this;
    return { usedBytes, usedFiles, quotaBytes, quotaFiles };
  }

  get isFull(): boolean {
    return this.quotaFiles !== null && this.usedFiles >= this.quotaFiles;
  }

  get hasOpenFiles(): boolean {
    return this.#files.size > 0;
  }

  /** The open files' inodes and paths, and whether they have a name. */
  *files(): Generator<{ readonly inode: string; readonly path: string; unlinked: boolean }> {
    for (const [inode, { path, unlinked }] of this.#files) yield { inode, path, unlinked };
  }

  /** What files put there behind our back, and never rescanned, must not make negative. */
  add(bytes: number, files: number): void {
    this.usedBytes = Math.max(0, this.usedBytes + bytes);
    this.usedFiles = Math.max(0, this.usedFiles + files);
  }

  isTracked(inode: string): boolean {
    return this.#files.get(inode)?.tracked ?? false;
  }

  /** Bytes the file is charged; undefined: it is not open. */
  charged(inode: string): number | undefined {
    const file = this.#files.get(inode);
    return file && most(file);
  }

  /** @param charged bytes that are in the usage already */
  open(inode: string, path: string, row: number, charged: number, tracked: boolean): void {
    const file = this.#file(inode, path);
    file.tracked ||= tracked;
    file.handles.set(row, { charged, slack: false, frozen: false });
  }

  #file(inode: string, path: string): OpenedFile {
    let file = this.#files.get(inode);
    if (file === undefined) {
      file = { path, unlinked: false, tracked: false, handles: new Map() };
      this.#files.set(inode, file);
    }
    return file;
  }

  /** @returns what the handle is charged now, or why the file may not reach `end` bytes */
  grow(inode: string, row: number, end: number): number | "frozen" | Usage {
    const [file, handle] = this.#handle(inode, row);
    const current = most(file);
    const growth = Math.max(0, end - current);
    if (growth > 0 && isFrozen(file)) return "frozen";
    if (growth > freeBytes(this) && growth > 0) return this.usage();
    this.add(growth, 0);
    handle.charged = current + growth;
    handle.slack = handle.charged > end;
    return handle.charged;
  }

  /** The handle needs no more than that. */
  trim(inode: string, row: number, needed: number): void {
    const [file, handle] = this.#handle(inode, row);
    const before = most(file);
    handle.charged = needed;
    handle.slack = false;
    this.add(most(file) - before, 0);
    for (const other of file.handles.values()) if (other.charged > needed) other.slack = true;
  }

  /** False when some handle is charged for more already. */
  freeze(inode: string, row: number, size: number): boolean {
    const [file, handle] = this.#handle(inode, row);
    if (most(file) > size) return false;
    handle.frozen = true;
    return true;
  }

  thaw(inode: string, row: number): void {
    this.#handle(inode, row)[1].frozen = false;
  }

  /** What each open file is charged, by inode. */
  held(): Map<string, number> {
    return new Map([...this.#files].map(([inode, file]) => [inode, most(file)]));
  }

  /** Handles that are charged beyond their need. */
  slack(): number[] {
    const rows: number[] = [];
    for (const { handles } of this.#files.values()) {
      for (const [row, { slack }] of handles) if (slack) rows.push(row);
    }
    return rows;
  }

  /** Closes a handle, and makes good its charge. @returns by how many bytes the usage changed */
  close(inode: string, row: number, { size, linked }: FileState): number {
    const [file] = this.#handle(inode, row);
    const before = most(file);
    file.handles.delete(row);
    for (const other of file.handles.values()) other.charged = Math.max(other.charged, size);
    const isLast = file.handles.size === 0;
    if (isLast) this.#files.delete(inode);
    const after = isLast ? (linked ? size : 0) : Math.max(size, most(file));
    this.add(after - before, 0);
    return after - before;
  }

  /** Closes all handles of a file, if it is open. */
  closeAll(inode: string, { size, linked }: FileState): void {
    const file = this.#files.get(inode);
    if (file === undefined) return;
    this.add((linked ? size : 0) - most(file), 0);
    this.#files.delete(inode);
  }

  /** A name went away. If it was the last one, an open file stays charged until it is closed. */
  removed(removed: Removed | undefined): void {
    const file = removed?.last ? this.#files.get(removed.inode) : undefined;
    if (file !== undefined) file.unlinked = true;
    const frees = removed?.last && file === undefined ? removed.size : 0;
    this.add(-frees, -1);
  }

  /** Open files at or below `from` are at or below `to` now. */
  follow(from: string, to: string): void {
    for (const file of this.#files.values()) {
      const moves = file.path === from || file.path.startsWith(`${from}/`);
      if (moves) file.path = to + file.path.slice(from.length);
    }
  }

  /**
   * The open files as the store keeps them.
   * @param all also those that can't change in this process
   */
  rows(all: boolean): BookRow[] {
    const rows: BookRow[] = [];
    for (const [inode, file] of this.#files) {
      const { unlinked } = file;
      if (!all && !file.tracked && !unlinked) continue;
      const path = Buffer.from(file.path, "latin1");
      for (const [row, handle] of file.handles)
        rows.push({ row, inode, path, unlinked, ...handle });
    }
    return rows;
  }

  #handle(inode: string, row: number): [OpenedFile, Handle] {
    const file = this.#files.get(inode);
    const handle = file?.handles.get(row);
    if (file === undefined || handle === undefined) throw new Error("no such open file");
    return [file, handle];
  }
}

function most({ handles }: OpenedFile): number {
  let most = 0;
  for (const { charged } of handles.values()) most = Math.max(most, charged);
  return most;
}

function isFrozen({ handles }: OpenedFile): boolean {
  for (const { frozen } of handles.values()) if (frozen) return true;
  return false;
}
