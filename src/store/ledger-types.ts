/** What a user has and may have. Bytes and directory entries; null: no limit. */
export interface Usage {
  readonly usedBytes: number;
  readonly usedFiles: number;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
}

/** An open file's place in the books, kept in step by the store within each transaction. */
export interface Charge {
  readonly row: number;
  readonly userId: number;
  readonly inode: string;
  /** bytes this holder may let the file reach without asking */
  charged: number;
  /** Called inside the granting transaction: from now on `end` is in use. */
  grant(end: number): void;
  /** Bytes the file needs now: its size, or where granted writes under way will end. */
  needed(): number;
}

/** What a closed file turned out to be: its size, and whether any name is left. */
export interface Outcome {
  readonly size: number;
  readonly linked: boolean;
}

export interface OpenedRow {
  readonly row: number;
  readonly inode: string;
  /** bytes the user is charged for this file */
  readonly charged: number;
}

/** A row of a dead process's journal. */
export interface JournalRow {
  readonly id: number;
  readonly userName: string;
  readonly inode: string;
  readonly paths: readonly Buffer[];
  readonly unlinked: boolean;
}

export interface Intent {
  readonly id: number;
  readonly userName: string;
  readonly kind: "create" | "remove" | "replace";
  readonly path: Buffer;
  readonly inode: string | null;
}

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
