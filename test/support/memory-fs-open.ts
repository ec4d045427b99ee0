import { FsError } from "../../src/errors.ts";
import type { ByteString, VirtualPath } from "../../src/vfs/path.ts";
import type {
  DirectoryEntry,
  FileStat,
  OpenDirectory,
  OpenFile,
  OpenFlags,
  StatChange,
} from "../../src/vfs/types.ts";

export interface Inode {
  readonly number: number;
  mode: number;
  nlink: number;
  atime: number;
  mtime: number;
  opened: number;
}

export interface FileNode extends Inode {
  readonly kind: "file";
  data: Buffer;
}

export interface DirectoryNode extends Inode {
  readonly kind: "directory";
  readonly parent: DirectoryNode | undefined;
  readonly entries: Map<string, Node>;
}

export interface LinkNode extends Inode {
  readonly kind: "link";
  readonly target: ByteString;
}

export type Node = FileNode | DirectoryNode | LinkNode;

/** What open files and directories need of their filesystem. */
export interface MemoryDisk {
  openDirectories: number;
  run<T>(name: string, effect: () => T): Promise<T>;
  put(node: FileNode, slices: readonly Buffer[], position: number): void;
  change(node: Node, change: StatChange): void;
  release(node: FileNode): void;
}

export class MemoryFile implements OpenFile {
  readonly path: VirtualPath;
  readonly flags: OpenFlags;
  readonly inode: string;
  readonly node: FileNode;
  #fs: MemoryDisk;
  #closed = false;

  constructor(fs: MemoryDisk, node: FileNode, path: VirtualPath, flags: OpenFlags) {
    this.#fs = fs;
    this.node = node;
    this.path = path;
    this.flags = flags;
    this.inode = String(node.number);
  }

  read(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    return this.#run("read", () => {
      return this.node.data.copy(target, offset, position, position + length);
    });
  }

  write(slices: readonly Buffer[], length: number, position: number): Promise<void> {
    return this.#run("write", () => {
      const sum = slices.reduce((total, slice) => total + slice.length, 0);
      if (sum !== length) throw new Error(`slices of ${sum} bytes called ${length}`);
      this.#fs.put(this.node, slices, this.flags.append ? this.node.data.length : position);
    });
  }

  stat(): Promise<FileStat> {
    return this.#run("fstat", () => statOf(this.node));
  }

  setStat(change: StatChange): Promise<void> {
    return this.#run("fsetstat", () => this.#fs.change(this.node, change));
  }

  sync(): Promise<void> {
    return this.#run("sync", () => {});
  }

  close(): Promise<void> {
    return this.#fs.run("close", () => {
      if (this.#closed) return;
      this.#closed = true;
      this.#fs.release(this.node);
    });
  }

  #run<T>(name: string, effect: () => T): Promise<T> {
    return this.#fs.run(name, () => {
      if (this.#closed) throw new FsError("EBADF", "used after close");
      return effect();
    });
  }
}

export class MemoryDirectory implements OpenDirectory {
  readonly path: VirtualPath;
  #fs: MemoryDisk;
  #entries: DirectoryEntry[];
  #at = 0;

  constructor(fs: MemoryDisk, path: VirtualPath, entries: DirectoryEntry[]) {
    this.#fs = fs;
    this.path = path;
    this.#entries = entries;
  }

  next(count: number): Promise<DirectoryEntry[]> {
    return this.#fs.run("next", () => {
      const page = this.#entries.slice(this.#at, this.#at + count);
      this.#at += page.length;
      return page;
    });
  }

  close(): Promise<void> {
    return this.#fs.run("closeDirectory", () => {
      this.#fs.openDirectories--;
    });
  }
}

export function statOf(node: Node): FileStat {
  const { mode, nlink, atime, mtime } = node;
  const size =
    node.kind === "file" ? node.data.length : node.kind === "link" ? node.target.length : 0;
  return { mode, nlink, size, atime, mtime };
}
