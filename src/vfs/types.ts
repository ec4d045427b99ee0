import type { ByteString, VirtualPath } from "./path.ts";

/** S_IFMT and the file types of POSIX <sys/stat.h>; Linux numbers, as SFTP v3 sends them. */
export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;
export const S_IFDIR = 0o040000;
export const S_IFLNK = 0o120000;

export interface FileStat {
  /** type bits (S_IFMT) and permission bits */
  readonly mode: number;
  readonly nlink: number;
  /** bytes */
  readonly size: number;
  /** seconds since the epoch, whole */
  readonly atime: number;
  readonly mtime: number;
}

/** What SETSTAT and FSETSTAT may change; absent fields stay. Times in seconds. */
export interface StatChange {
  readonly size?: number;
  readonly permissions?: number;
  readonly times?: { readonly atime: number; readonly mtime: number };
  /** of these, too, an absent one stays */
  readonly owner?: { readonly uid?: number; readonly gid?: number };
}

/** How to open, bit by bit as the client asked (SSH_FXF_*). */
export interface OpenFlags {
  readonly read: boolean;
  readonly write: boolean;
  readonly append: boolean;
  readonly create: boolean;
  readonly truncate: boolean;
  readonly exclusive: boolean;
}

export interface DirectoryEntry {
  readonly name: ByteString;
  readonly stat: FileStat;
}

/** struct statvfs, of the user's quota and not of the disk. Block counts are in units of frsize. */
export interface FileSystemStat {
  readonly bsize: number;
  readonly frsize: number;
  readonly blocks: bigint;
  readonly bfree: bigint;
  readonly bavail: bigint;
  readonly files: bigint;
  readonly ffree: bigint;
  readonly favail: bigint;
  readonly fsid: bigint;
  readonly readOnly: boolean;
  readonly namemax: number;
  /** the top of the home or folder, in the user's tree */
  readonly mountedOn: VirtualPath;
  /** bytes that count to its quota */
  readonly usedBytes: number;
  /** null: no limit */
  readonly quotaBytes: number | null;
  /** directory entries that count to its quota */
  readonly usedFiles: number;
  /** null: no limit */
  readonly quotaFiles: number | null;
}

/** Who the client sees as the owner of everything: the virtual user, never the host's. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly group: string;
}

/** An open regular file. All methods reject with FsError only. */
export interface OpenFile {
  /** where it was opened, for logs */
  readonly path: VirtualPath;
  readonly flags: OpenFlags;
  /** the same for two OpenFiles exactly when they are the same file (device and inode) */
  readonly inode: string;
  /** bytes it had when it was opened; without it, nobody knows */
  readonly sizeAtFirst?: number | undefined;
  /** what the audit trail calls it, where that is not the path */
  readonly recorded?: VirtualPath | undefined;
  /** the home or folder whose book it is in */
  readonly homeId?: number | undefined;
  /**
   * Reads up to `length` bytes at `position` into `target` from `offset`.
   * Resolves to the bytes read: less than asked only at the end of the file, 0 at or past it.
   */
  read(target: Buffer, offset: number, length: number, position: number): Promise<number>;
  /**
   * Writes all of `slices` (in sum `length` bytes) at `position`, or at the end when opened with
   * append. The quota is reserved first: on EDQUOT nothing was written.
   */
  write(slices: readonly Buffer[], length: number, position: number): Promise<void>;
  /** Bytes that are best written with one call at most: they move slowly. Absent: any number. */
  readonly mostAtOnce?: number | undefined;
  /**
   * Runs `act`, which writes up to `end` bytes, when there is room for all of them.
   * On EDQUOT nothing is done.
   */
  withRoom?<T>(end: number, act: () => Promise<T>): Promise<T>;
  stat(): Promise<FileStat>;
  setStat(change: StatChange): Promise<void>;
  sync(): Promise<void>;
  /**
   * Where the file is on a disk: a descriptor of its own on it, open for reading, that the caller
   * closes. Throws FsError.
   */
  duplicate?(): number;
  /** The client said how many bytes the file will have when it is complete. */
  expect?(size: number): void;
  /** The client will ask for this checksum when the file is complete, so it is computed along with the writes. */
  checkAlong?(algorithm: string): void;
  /** It will be closed by somebody else than the client: its transfer broke off. */
  abandon?(): void;
  /** Resolves when everything is settled. Calling it again does nothing. */
  close(): Promise<void>;
}

/** A directory being listed, "." and ".." first. Memory does not grow with its size. */
export interface OpenDirectory {
  readonly path: VirtualPath;
  /** Up to `count` further entries; an empty array at the end. */
  next(count: number): Promise<DirectoryEntry[]>;
  close(): Promise<void>;
}

/** A file that was removed, or written over, and can be restored. */
export interface TrashedFile {
  /** tells it from all others in the trash; sorts by the time of removal */
  readonly id: string;
  /** where it was, in the user's tree */
  readonly path: VirtualPath;
  /** milliseconds since the epoch */
  readonly removedAt: number;
  /** in bytes */
  readonly size: number;
}

export interface RestoreOptions {
  /** where it is put, a path in the user's tree; without it, where it was */
  readonly to?: ByteString | undefined;
  /** what stands there is replaced, and goes to the trash; else EEXIST */
  readonly replace?: boolean;
}

/**
 * What was removed in a user's tree, as far as the user may see it. Restoring and removing for good
 * need what removing a file there needs. Rejects with FsError only: ENOENT for what is not there (any
 * more) or may not be seen.
 */
export interface UserTrash {
  /**
   * Home and folders one after the other, in each the oldest first.
   * @param after an id: what was removed later
   */
  list(after?: string): AsyncIterable<TrashedFile>;
  /** Directories that are gone are made again. @returns where the file is now */
  restore(id: string, options?: RestoreOptions): Promise<VirtualPath>;
  /** Removes it for good. */
  remove(id: string): Promise<TrashedFile>;
}

/**
 * Stands in a directory, goes down into what is in it and back up, in a tree of any depth: paths have
 * a length. Rejects with FsError only.
 */
export interface Cursor {
  /**
   * The home as it is seen from here: a path is one that begins with a slash, or one name in the
   * directory where this stands now, "." being the directory itself.
   */
  readonly fs: UserFileSystem;
  /** @param follow whether a link to a directory is one to go into */
  enter(name: ByteString, follow?: boolean): Promise<void>;
  /** Goes back to where it was before the last `enter`: EBUSY when that was moved elsewhere. */
  leave(): Promise<void>;
  /** The path of a name here, for people: what would be too long has its middle left out. */
  where(name: ByteString): VirtualPath;
  close(): Promise<void>;
}

/**
 * A user's home as a filesystem of its own: jail and quota included. Paths are what the client
 * sent: absolute or relative to the home. Each method takes effect at once when called in sequence
 * and rejects with FsError only.
 */
export interface UserFileSystem {
  readonly owner: Owner;
  /** @param mode permission bits of a file that is created; ignored otherwise */
  open(path: ByteString, flags: OpenFlags, mode?: number): Promise<OpenFile>;
  openDirectory(path: ByteString): Promise<OpenDirectory>;
  stat(path: ByteString): Promise<FileStat>;
  lstat(path: ByteString): Promise<FileStat>;
  /** @param follow false for lsetstat@openssh.com: the link itself */
  setStat(path: ByteString, change: StatChange, follow: boolean): Promise<void>;
  remove(path: ByteString): Promise<void>;
  makeDirectory(path: ByteString, mode?: number): Promise<void>;
  removeDirectory(path: ByteString): Promise<void>;
  /** @param replace true for posix-rename@openssh.com; false refuses an existing target (EEXIST) */
  rename(from: ByteString, to: ByteString, replace: boolean): Promise<void>;
  readLink(path: ByteString): Promise<ByteString>;
  symlink(target: ByteString, link: ByteString): Promise<void>;
  hardLink(existing: ByteString, link: ByteString): Promise<void>;
  /** The canonical path; what does not exist keeps its text, normalised (as OpenSSH's server does). */
  realPath(path: ByteString): Promise<VirtualPath>;
  /** @param path canonical; the figures are those of the home or folder it is in. Without it the home's */
  fileSystemStat(path?: VirtualPath): Promise<FileSystemStat>;
  /** The paths of the home and of the folders whose space the user may see; the home is first. */
  mounts(): readonly VirtualPath[];
  /** What the audit trail calls a path that leads into a shared folder; else undefined. */
  recorded?(path: ByteString): VirtualPath | undefined;
  /** Takes up what an admin changed about folders and rules, also for what is open. */
  reload?(): Promise<void>;
  /** Absent: nothing is kept. */
  readonly trash?: UserTrash | undefined;
  /** A cursor that stands in a directory. */
  walkFrom(path: ByteString): Promise<Cursor>;
  /**
   * Copies `length` bytes (0: to the end of the source as it is now) between two open files, within
   * the quota. Resolves to the bytes copied: less where the source gets shorter meanwhile. Closing
   * either file ends it. (copy-data of draft-ietf-secsh-filexfer-extensions-00)
   * @param progress told of each piece when it is copied, in bytes; what it throws ends the copy
   */
  copy(
    source: OpenFile,
    sourcePosition: number,
    length: number,
    target: OpenFile,
    targetPosition: number,
    progress?: (bytes: number) => void,
  ): Promise<number>;
  /** Closes everything still open; what was written stays. */
  close(): Promise<void>;
}
