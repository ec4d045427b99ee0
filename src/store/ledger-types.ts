import type { BookedFile, EntryChange } from "../vfs/books.ts";

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

/** A row of a dead process's journal. */
export interface JournalRow extends JournalKey, BookedFile {
  readonly inode: string;
}

/** What a node was about to do to a user's directory entries. */
export interface Intent extends EntryChange {
  /** counts up in each node */
  readonly number: number;
  readonly userId: number;
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

/** What a rescan found in a home. */
export interface Counted {
  readonly bytes: number;
  readonly files: number;
  /** open files that are larger than they are charged, and their sizes in bytes, by inode */
  readonly grown: ReadonlyMap<string, number>;
}
