import { FsError, type FsErrorCode } from "../../src/errors.ts";
import {
  type ByteString,
  components,
  fromText,
  join,
  normalize,
  ROOT,
  type VirtualPath,
} from "../../src/vfs/path.ts";
import type {
  Cursor,
  DirectoryEntry,
  FileStat,
  FileSystemStat,
  OpenDirectory,
  OpenFile,
  OpenFlags,
  Owner,
  StatChange,
  UserFileSystem,
} from "../../src/vfs/types.ts";
import {
  type DirectoryNode,
  type FileNode,
  type Inode,
  MemoryDirectory,
  type MemoryDisk,
  MemoryFile,
  type Node,
  statOf,
} from "./memory-fs-open.ts";

export interface MemoryFsOptions {
  /** awaited before an operation takes effect: operations that overlap show it */
  readonly delay?: () => Promise<void>;
  /** bytes */
  readonly quota?: number;
  /** a code makes the operation fail instead */
  readonly fail?: (operation: string) => FsErrorCode | undefined;
}

import { PathCursor } from "./path-cursor.ts";

const TYPE = { file: 0o100000, directory: 0o040000, link: 0o120000 } as const;
const CLOCK = 1_700_000_000;

/** A user's home in memory, with a quota: what the protocol code is tested against. */
export class MemoryFs implements UserFileSystem, MemoryDisk {
  readonly owner: Owner = { uid: 1042, gid: 1043, user: "ada", group: "users" };
  quota: number;
  used = 0;
  /** operations running now, and the most that ever ran at once */
  running = 0;
  maxRunning = 0;
  /** names of the operations, in the order they were called */
  readonly calls: string[] = [];
  openFiles = 0;
  openDirectories = 0;

  #options: MemoryFsOptions;
  #lastNumber = 0;
  #root: DirectoryNode;

  constructor(options: MemoryFsOptions = {}) {
    this.#options = options;
    this.quota = options.quota ?? 256 * 1024 * 1024;
    this.#root = this.#newDirectory(0o755, undefined);
  }

  async run<T>(name: string, effect: () => T): Promise<T> {
    this.calls.push(name);
    this.running++;
    this.maxRunning = Math.max(this.maxRunning, this.running);
    try {
      if (this.#options.delay !== undefined) await this.#options.delay();
      const code = this.#options.fail?.(name);
      if (code !== undefined) throw new FsError(code);
      return effect();
    } finally {
      this.running--;
    }
  }

  open(path: ByteString, flags: OpenFlags, mode = 0o666): Promise<OpenFile> {
    return this.run("open", () => {
      const node = this.#openNode(path, flags, mode);
      if (flags.truncate && flags.write) this.resize(node, 0);
      node.opened++;
      this.openFiles++;
      return new MemoryFile(this, node, normalize(path), flags);
    });
  }

  openDirectory(path: ByteString): Promise<OpenDirectory> {
    return this.run("openDirectory", () => {
      const node = this.#find(path, true);
      if (node.kind !== "directory") throw new FsError("ENOTDIR");
      this.openDirectories++;
      const entries: DirectoryEntry[] = [
        { name: fromText("."), stat: statOf(node) },
        { name: fromText(".."), stat: statOf(node.parent ?? node) },
      ];
      for (const [name, child] of node.entries) {
        entries.push({ name: name as ByteString, stat: statOf(child) });
      }
      return new MemoryDirectory(this, normalize(path), entries);
    });
  }

  stat(path: ByteString): Promise<FileStat> {
    return this.run("stat", () => statOf(this.#find(path, true)));
  }

  lstat(path: ByteString): Promise<FileStat> {
    return this.run("lstat", () => statOf(this.#find(path, false)));
  }

  setStat(path: ByteString, change: StatChange, follow: boolean): Promise<void> {
    return this.run("setStat", () => this.change(this.#find(path, follow), change));
  }

  remove(path: ByteString): Promise<void> {
    return this.run("remove", () => {
      const { directory, name, node } = this.#entry(path);
      if (node === undefined) throw new FsError("ENOENT");
      if (node.kind === "directory") throw new FsError("EISDIR");
      directory.entries.delete(name);
      this.#unlink(node);
    });
  }

  makeDirectory(path: ByteString, mode = 0o777): Promise<void> {
    return this.run("makeDirectory", () => {
      const { directory, name, node } = this.#entry(path);
      if (node !== undefined) throw new FsError("EEXIST");
      directory.entries.set(name, this.#newDirectory(mode, directory));
    });
  }

  removeDirectory(path: ByteString): Promise<void> {
    return this.run("removeDirectory", () => {
      const { directory, name, node } = this.#entry(path);
      if (node === undefined) throw new FsError("ENOENT");
      if (node.kind !== "directory") throw new FsError("ENOTDIR");
      if (node.entries.size > 0) throw new FsError("ENOTEMPTY");
      directory.entries.delete(name);
    });
  }

  rename(from: ByteString, to: ByteString, replace: boolean): Promise<void> {
    return this.run("rename", () => {
      const source = this.#entry(from);
      const target = this.#entry(to);
      if (source.node === undefined) throw new FsError("ENOENT");
      if (target.node === source.node) return;
      if (target.node !== undefined) this.#makeWay(source.node, target.node, replace);
      source.directory.entries.delete(source.name);
      target.directory.entries.set(target.name, source.node);
    });
  }

  readLink(path: ByteString): Promise<ByteString> {
    return this.run("readLink", () => {
      const node = this.#find(path, false);
      if (node.kind !== "link") throw new FsError("EINVAL");
      return node.target;
    });
  }

  symlink(target: ByteString, link: ByteString): Promise<void> {
    return this.run("symlink", () => {
      const { directory, name, node } = this.#entry(link);
      if (node !== undefined) throw new FsError("EEXIST");
      directory.entries.set(name, { kind: "link", target, ...this.#inode(TYPE.link | 0o777) });
    });
  }

  hardLink(existing: ByteString, link: ByteString): Promise<void> {
    return this.run("hardLink", () => {
      const node = this.#find(existing, false);
      const entry = this.#entry(link);
      if (entry.node !== undefined) throw new FsError("EEXIST");
      if (node.kind !== "file") throw new FsError("EPERM");
      node.nlink++;
      entry.directory.entries.set(entry.name, node);
    });
  }

  realPath(path: ByteString): Promise<VirtualPath> {
    return this.run("realPath", () => {
      try {
        return this.#walk(components(path), true, this.#root, ROOT, 0).path;
      } catch {
        return normalize(path);
      }
    });
  }

  fileSystemStat(): Promise<FileSystemStat> {
    return this.run("fileSystemStat", () => {
      const free = BigInt(Math.max(0, this.quota - this.used) >> 9);
      return {
        bsize: 512,
        frsize: 512,
        blocks: BigInt(this.quota >> 9),
        bfree: free,
        bavail: free,
        files: 1000n,
        ffree: 900n,
        favail: 900n,
        fsid: 7n,
        readOnly: false,
        namemax: 255,
        mountedOn: ROOT,
        usedBytes: this.used,
        quotaBytes: this.quota,
        usedFiles: 100,
        quotaFiles: 1000,
      };
    });
  }

  mounts(): readonly VirtualPath[] {
    return [ROOT];
  }

  copy(
    source: OpenFile,
    sourcePosition: number,
    length: number,
    target: OpenFile,
    targetPosition: number,
  ): Promise<number> {
    return this.run("copy", () => {
      const { data } = (source as MemoryFile).node;
      const end = length === 0 ? data.length : Math.min(data.length, sourcePosition + length);
      const piece = Buffer.from(data.subarray(sourcePosition, end));
      if (piece.length > 0) this.put((target as MemoryFile).node, [piece], targetPosition);
      return piece.length;
    });
  }

  walkFrom(path: ByteString): Promise<Cursor> {
    return this.run("walkFrom", () => {
      if (this.#find(path, true).kind !== "directory") throw new FsError("ENOTDIR");
      return new PathCursor(this, normalize(path));
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  put(node: FileNode, slices: readonly Buffer[], position: number): void {
    const data = Buffer.concat(slices);
    const end = position + data.length;
    if (end > node.data.length) this.resize(node, end);
    node.data.set(data, position);
    node.mtime = CLOCK + 1;
  }

  resize(node: FileNode, size: number): void {
    const growth = size - node.data.length;
    if (growth > 0 && this.used + growth > this.quota) {
      throw new FsError("EDQUOT", `Quota exceeded: the limit is ${this.quota} bytes`);
    }
    this.used += growth;
    const data = Buffer.alloc(size);
    data.set(node.data.subarray(0, size));
    node.data = data;
  }

  change(node: Node, change: StatChange): void {
    if (change.size !== undefined) {
      if (node.kind !== "file") throw new FsError("EISDIR");
      this.resize(node, change.size);
      node.mtime = CLOCK + 1;
    }
    const { uid = this.owner.uid, gid = this.owner.gid } = change.owner ?? {};
    if (uid !== this.owner.uid || gid !== this.owner.gid) throw new FsError("EPERM");
    if (change.permissions !== undefined) node.mode = (node.mode & 0o170000) | change.permissions;
    if (change.times !== undefined) Object.assign(node, change.times);
  }

  release(node: FileNode): void {
    node.opened--;
    this.openFiles--;
    if (node.opened === 0 && node.nlink === 0) this.used -= node.data.length;
  }

  #openNode(path: ByteString, flags: OpenFlags, mode: number): FileNode {
    const entry = this.#entry(path);
    let node: Node | undefined = entry.node;
    if (node !== undefined && flags.create && flags.exclusive) throw new FsError("EEXIST");
    if (node?.kind === "link") node = this.#find(path, true);
    if (node === undefined) {
      if (!flags.create) throw new FsError("ENOENT");
      node = { kind: "file", data: Buffer.alloc(0), ...this.#inode(TYPE.file | mode) };
      entry.directory.entries.set(entry.name, node);
    }
    if (node.kind !== "file") throw new FsError("EISDIR");
    return node;
  }

  #makeWay(source: Node, target: Node, replace: boolean): void {
    if (!replace) throw new FsError("EEXIST");
    if (target.kind === "directory") {
      if (source.kind !== "directory") throw new FsError("EISDIR");
      if (target.entries.size > 0) throw new FsError("ENOTEMPTY");
    } else if (source.kind === "directory") throw new FsError("ENOTDIR");
    this.#unlink(target);
  }

  #unlink(node: Node): void {
    node.nlink--;
    if (node.kind === "file" && node.nlink === 0 && node.opened === 0) {
      this.used -= node.data.length;
    }
  }

  #inode(mode: number): Inode {
    this.#lastNumber++;
    return { number: this.#lastNumber, mode, nlink: 1, atime: CLOCK, mtime: CLOCK, opened: 0 };
  }

  #newDirectory(mode: number, parent: DirectoryNode | undefined): DirectoryNode {
    return {
      kind: "directory",
      parent,
      entries: new Map(),
      ...this.#inode(TYPE.directory | mode),
    };
  }

  #find(path: ByteString, follow: boolean): Node {
    return this.#walk(components(path), follow, this.#root, ROOT, 0).node;
  }

  #entry(path: ByteString): { directory: DirectoryNode; name: string; node: Node | undefined } {
    const parts = components(path);
    const name = parts.pop();
    if (name === undefined || name === "..") throw new FsError("EISDIR");
    const directory = this.#walk(parts, true, this.#root, ROOT, 0).node;
    if (directory.kind !== "directory") throw new FsError("ENOTDIR");
    return { directory, name, node: directory.entries.get(name) };
  }

  #walk(
    parts: ByteString[],
    follow: boolean,
    from: DirectoryNode,
    at: VirtualPath,
    links: number,
  ): { node: Node; path: VirtualPath } {
    let node: Node = from;
    let path = at;
    for (const [index, part] of parts.entries()) {
      if (node.kind !== "directory") throw new FsError("ENOTDIR");
      const child: Node | undefined =
        part === ".." ? (node.parent ?? node) : node.entries.get(part);
      if (child === undefined) throw new FsError("ENOENT");
      if (child.kind === "link" && (follow || index < parts.length - 1)) {
        if (links >= 40) throw new FsError("ELOOP");
        const absolute = child.target.startsWith("/");
        const rest = [...components(child.target), ...parts.slice(index + 1)];
        return this.#walk(
          rest,
          follow,
          absolute ? this.#root : node,
          absolute ? ROOT : path,
          links + 1,
        );
      }
      path = part === ".." ? normalize(`${path}/..` as ByteString) : join(path, part);
      node = child;
    }
    return { node, path };
  }
}
