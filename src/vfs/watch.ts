import type { BigIntStats } from "node:fs";

/** Follows the contents of one file while it is open for writing. Nothing here throws. */
export interface WriteWatch {
  /** Somebody will ask for this checksum. Called before anything is written. */
  along(algorithm: string): void;
  /** These bytes are in the file now. */
  wrote(position: number, length: number): void;
  /** The file has this size now. */
  resized(size: number): void;
  /** The contents changed in another way, or nobody knows how. */
  lost(): void;
  /** The last call: nothing is under way any more, and the descriptor is still open. */
  closing(): Promise<void> | undefined;
}

/** Is told what becomes of the contents of files, so that it can know them without reading. */
export interface ContentWatch {
  /**
   * A file is open for writing. Nothing is written before this resolves.
   * @param fresh made by this very open
   */
  opened(userId: number, inode: string, fd: number, fresh: boolean): Promise<WriteWatch>;
  /**
   * A file got other attributes or another name.
   * @param fd reaches the file; `before` is how it was right before
   * @param mtime the modification time it was given, in seconds; undefined: it should be as before
   */
  touched(before: BigIntStats, fd: number, mtime?: number): Promise<void>;
  /** The last name of a file has gone. No descriptor of the watch's own is left afterwards. */
  removed(inode: string): void;
}
