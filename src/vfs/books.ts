import type { VirtualPath } from "./path.ts";

/**
 * What the files of homes are booked in. The virtual filesystem says what it is about to do, and
 * does it when the books allow it; quota/ implements them. All methods reject with FsError EDQUOT
 * when there is no room.
 */
export interface Books {
  /** @throws InstanceError when the homes these books are of are not there */
  requireHomes(): void;
  /**
   * To be asked just before anything is written that is not booked, such as times.
   * @throws FsError EIO when others may take over what this process has
   */
  requireTouch(): void;
  usage(userId: number): Promise<Usage>;
  /** The usage with nothing charged ahead of need by this process. */
  exactUsage(userId: number): Promise<Usage>;
  /**
   * Books a file that exists and is about to be opened.
   * @param writes whether it may be changed by what opens it
   */
  open(
    userId: number,
    path: VirtualPath,
    inspect: () => Inspected,
    writes: boolean,
  ): Promise<FileCharge>;
  /** Counts and makes a file, which is open from then on. Rejects with EEXIST. */
  createFile(userId: number, entry: Entry, perform: () => Inspected): Promise<FileCharge>;
  /** Counts and makes a directory or link. Rejects with EEXIST. */
  createEntry(userId: number, entry: Entry, perform: () => void): Promise<void>;
  /** @param inspect what is removed: its inode, and the bytes that frees if no other name is left */
  remove(
    userId: number,
    entry: Entry,
    inspect: (book: BookView) => Inspected,
    perform: () => Removed | undefined,
  ): Promise<void>;
  /**
   * @param moved the inode that gets another name
   * @param inspect what stands there and is replaced
   * @param kept the name that `perform` gives what stands there before it is replaced; `inspect` has
   * found that it has no other, and gives undefined then
   */
  rename(
    userId: number,
    from: VirtualPath,
    to: VirtualPath,
    moved: string,
    inspect: (book: BookView) => Inspected | undefined,
    perform: () => Removed | undefined,
    kept?: VirtualPath,
  ): Promise<void>;
  /** What each open file is charged in bytes, by inode. */
  held(userId: number): Promise<ReadonlyMap<string, number>>;
}

/** A book at the moment in which something is decided. */
export interface BookView {
  usage(): Usage;
  /** bytes that an open file is charged; undefined: nobody has it open */
  charged(inode: string): number | undefined;
}

/** What one open file may grow to, and which growth is under way. */
export interface FileCharge {
  readonly inode: string;
  /** @param look says what the file is, now that it is open */
  attach(look: () => FileState): void;
  /**
   * Asks to let the file reach `end` bytes; call {@link release} when the write has ended.
   * @returns undefined when that was granted at once
   */
  reserve(end: number): Promise<void> | undefined;
  /** As {@link Books.requireTouch}: what was granted may not be written any more a while later. */
  requireTouch(): void;
  release(): void;
  /** What was granted could not be written: ends that growth, and gives back what it was charged. */
  failed(): Promise<void>;
  /** The file was made shorter. */
  shrunk(): Promise<void>;
  /**
   * Runs `act` while the file can't grow beyond `size` bytes in any process.
   * @returns what `act` does, or false, without running it, when some writer already may
   */
  whileFrozen(size: number, act: () => Promise<boolean>): Promise<boolean>;
  /**
   * Ends the charge while its file is still open: the file is charged what it really is.
   * @param look says what a file is that could not be opened after all
   * @returns whether the file still has a name
   */
  settle(look?: () => FileState): Promise<boolean>;
}

/** A name in a directory. */
export interface Entry {
  readonly path: VirtualPath;
  /** the directory's inode: the path may lead elsewhere by the time that anybody looks */
  readonly inside?: string | undefined;
  /** the inode that stands there now; undefined: none does */
  current(): string | undefined;
}

/** What a user has and may have. Bytes and directory entries; null: no limit. */
export interface Usage {
  readonly usedBytes: number;
  readonly usedFiles: number;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
}

/** A file (or what a removal would free): its inode and bytes. */
export interface Inspected {
  readonly inode: string;
  readonly size: number;
}

/** What a removal did: whether the last name went, and the size the file had then. */
export interface Removed {
  readonly inode: string;
  readonly last: boolean;
  readonly size: number;
}

/** An open or closed file: its size, and whether any name is left. */
export interface FileState {
  readonly size: number;
  readonly linked: boolean;
}

/** A change of directory entries as it was written down before it was made. Paths are raw bytes. */
export interface EntryChange {
  readonly kind: "create" | "remove" | "rename";
  /** what is made or removed, or where a rename leads */
  readonly path: Buffer;
  /** the inode of the directory that holds it, where the path may not lead there */
  readonly inside?: string | undefined;
  /** rename: where it comes from, and the inode that moves */
  readonly from?: Buffer;
  readonly moved?: string;
  /** rename: the name that what stands at `path` has got before it is replaced */
  readonly kept?: Buffer;
  /** what is removed or replaced, and the bytes that frees if it was the last name */
  readonly victim?: Inspected;
}

/** A file as the books have it open. */
export interface BookedFile {
  readonly userName: string;
  readonly path: Buffer;
  readonly inode: string;
  readonly unlinked: boolean;
}

/** Looks at the disk for what the books can't know, because a process died. */
export interface Witness {
  /** Whether the change was made. */
  happened(change: EntryChange, userName: string): boolean;
  /** Takes back what was prepared for a change that was not made. */
  undo(change: EntryChange, userName: string): void;
  /** What stands at the change's name; a file with its size, all else with 0. */
  standing(change: EntryChange, userName: string): Inspected | undefined;
  /** What became of the file. */
  outcome(file: BookedFile): FileState;
}
