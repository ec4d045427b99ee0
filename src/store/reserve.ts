import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  openSync,
  statfsSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Spare } from "./writes.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** What is kept, and a small disk's part that is kept at most. */
const SIZE = 4 * MIB;
const SHARE = 16;

/** Given back at once: little, since other programs may take what of it is not used. */
const STEP = 32 * KIB;
/** Written at once. */
const PIECE = 256 * KIB;

/**
 * SQLite writes its log from the beginning again when it has 1,000 pages of 4 KiB, with 24 bytes
 * before each (sqlite.org/fileformat2.html): up to here it needs no new room if it has this length.
 */
const LOG_BYTES = 1_100 * (4_096 + 24);

/**
 * Room kept for the database: the file db/reserve, made while there is room on its disk. On a full
 * disk it is given back little by little, so that people can still log in and delete. All
 * processes of an instance share it.
 */
export class Reserve implements Spare {
  readonly #directory: string;
  readonly #file: string;

  /** @param directory where the database is */
  constructor(directory: string) {
    this.#directory = directory;
    this.#file = join(directory, "reserve");
  }

  /** Bytes that are not kept and should be. */
  get missing(): number {
    return Math.max(0, this.#part(SIZE) - (sizeOf(this.#file) ?? 0));
  }

  release(): boolean {
    const size = sizeOf(this.#file) ?? 0;
    if (size === 0) return false;
    truncateSync(this.#file, Math.max(0, size - STEP));
    return true;
  }

  /** When the database was closed, and its files beside it are gone: what that freed is kept. */
  refill(): void {
    if (sizeOf(this.#file) !== undefined) this.fill();
  }

  /**
   * Makes it whole, or as large as the disk allows.
   * @param leave bytes of the disk that are left free
   */
  fill(leave = 0): void {
    const { bavail, bsize } = statfsSync(this.#directory);
    // What takes room on any file system: no hole, and nothing that can be compressed.
    append(this.#file, Math.min(this.missing, bavail * bsize - leave), randomBytes);
  }

  /**
   * Gives the database's write-ahead log, which is open, the length that it has in the long run.
   * Behind its last frame SQLite reads nothing that isn't a frame of the same log.
   */
  lengthenLog(file: string): void {
    const wanted = this.#part(LOG_BYTES) - (sizeOf(file) ?? Number.POSITIVE_INFINITY);
    append(file, wanted, (bytes) => Buffer.alloc(bytes));
  }

  #part(bytes: number): number {
    const { blocks, bsize } = statfsSync(this.#directory);
    return Math.min(bytes, Math.floor((blocks * bsize) / SHARE));
  }
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

/** As many of the bytes as there is room for. */
function append(file: string, bytes: number, make: (bytes: number) => Buffer): void {
  if (bytes <= 0) return;
  const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);
  try {
    for (let left = bytes; left > 0; ) left -= writeSync(fd, make(Math.min(left, PIECE)));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown;
  } finally {
    closeSync(fd);
  }
}
