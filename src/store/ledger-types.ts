/** What a user has and may have. Bytes and directory entries; null: no limit. */
export interface Usage {
  readonly usedBytes: number;
  readonly usedFiles: number;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
}

/** A row of the journal of open files. */
export interface JournalKey {
  readonly userId: number;
  readonly inode: string;
  /** which of the node's rows */
  readonly row: number;
}

export interface OpenedRow extends JournalKey {
  /** bytes the user is charged for this file */
  readonly charged: number;
}

/** An open file's place in the books, kept in step by the store within each transaction. */
export interface Charge extends JournalKey {
  /** bytes this holder may let the file reach without asking */
  charged: number;
  /** Called in the turn that grants it: from now on `end` is in use. */
  grant(end: number): void;
  /** Bytes the file needs now: its size, or where granted writes under way will end. */
  needed(): number;
}

/** What a closed file turned out to be: its size, and whether any name is left. */
export interface Outcome {
  readonly size: number;
  readonly linked: boolean;
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

/** A row of a dead process's journal. */
export interface JournalRow extends JournalKey {
  readonly userName: string;
  readonly path: Buffer;
  readonly unlinked: boolean;
}

/** What a node was about to do to a user's directory entries. Paths are raw bytes. */
export interface Intent {
  /** counts up in each node */
  readonly number: number;
  readonly userId: number;
  readonly kind: "create" | "remove" | "rename";
  /** what is made or removed, or where a rename leads */
  readonly path: Buffer;
  /** the inode of the directory that holds it, where the path may not lead there */
  readonly inside?: string | undefined;
  /** rename: where it comes from, and the inode that moves */
  readonly from?: Buffer;
  readonly moved?: string;
  /** what is removed or replaced, and the bytes that frees if it was the last name */
  readonly victim?: Inspected;
}

/** What all rows of a file are charged at most, and all but one of them. */
export interface Holders {
  readonly count: number;
  readonly most: number | null;
  readonly others: number | null;
  readonly frozen: number | null;
}

/** A row of a file that gets another path, because it or a directory above it is renamed. */
export interface MovingRow {
  readonly inode: string;
  readonly node: string;
  readonly row: number;
  readonly path: Buffer;
}
