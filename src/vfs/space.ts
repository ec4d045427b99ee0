import { type StatsFs, statfsSync } from "node:fs";
import { FsError } from "../errors.ts";

const MIB = 1024 * 1024;

/** What clients read when new data is refused. */
const DISK_FULL = "The server's disk is full: new data is refused until there is room";

/** A look at a disk is good for so long, in milliseconds, while there is room; and while it is full. */
const FRESH_MS = 200;
const FRESH_WHEN_FULL_MS = 20;

/** Of a disk at most one part in so many is left free. */
const SMALL = 100;

/** A disk counts as full until there is this much more than must be left: a part of it, and bounds. */
const MARGIN = { part: 64, least: MIB / 4, most: 4 * MIB };

export function diskFull(): FsError {
  return new FsError("ENOSPC", DISK_FULL);
}

/** Bytes of a disk that new data leaves free. @param floor as it is set */
export function floorOf(totalBytes: number, floor: number): number {
  return Math.min(floor, Math.floor(totalBytes / SMALL));
}

/** One disk that homes are on. */
export class Disk {
  readonly #space: Space;
  #path: string;
  #free = 0;
  #floor = 0;
  #margin = 0;
  /** granted and still being written: the disk may know of it or not */
  #pending = 0;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isFull = false;

  /** @param path of a directory on it */
  constructor(path: string, space: Space) {
    this.#path = path;
    this.#space = space;
  }

  /** True from when new data was refused, or there was too little room, until there is enough. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** A directory on it that is there now: another one may have been removed. */
  seenAt(path: string): void {
    this.#path = path;
  }

  /** Looks at the disk now. What can't be looked at, such as one that is gone, stays as it was. */
  look(): void {
    this.#lookedAt = performance.now();
    const found = this.#statfs();
    if (found === undefined) return;
    const { bavail, blocks, bsize } = found;
    const total = blocks * bsize;
    // A file system that tells no size has room.
    const free = total === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
    this.#free = free - this.#pending;
    this.#floor = floorOf(total, this.#space.floor());
    this.#margin = Math.min(MARGIN.most, Math.max(MARGIN.least, total / MARGIN.part));
    if (free < this.#floor) this.#isFull = true;
    if (free >= this.#floor + this.#margin) this.#isFull = false;
  }

  #statfs(): StatsFs | undefined {
    try {
      return statfsSync(this.#path);
    } catch {
      return undefined;
    }
  }

  /**
   * Takes room for `bytes` of new data; say {@link done} when they are written, or are not.
   * @returns false when there is none
   */
  take(bytes: number): boolean {
    if (!this.has(bytes)) return false;
    this.takeAnyway(bytes);
    return true;
  }

  /** For writes over existing bytes, which need no new room. */
  takeAnyway(bytes: number): void {
    this.#free -= bytes;
    this.#pending += bytes;
  }

  done(bytes: number): void {
    this.#pending -= bytes;
  }

  /** Whether there is room for `bytes` of new data now. */
  has(bytes: number): boolean {
    if (this.#space.isClosed) return false;
    const age = performance.now() - this.#lookedAt;
    const isEnough = this.#free - bytes >= this.#floor;
    const goodFor = isEnough ? FRESH_MS : this.#isFull ? FRESH_WHEN_FULL_MS : 0;
    if (age > goodFor) this.look();
    if (this.#free - bytes >= this.#floor) return true;
    // One that wants very much says nothing of others.
    if (bytes <= this.#margin) this.#isFull = true;
    return false;
  }

  /** @throws FsError ENOSPC when there is no room for new data at all */
  expectRoom(): void {
    if (!this.has(0)) throw diskFull();
  }
}

/** The room for clients' data, on all disks that homes are on. */
export class Space {
  /** nothing new is stored: the database's own disk is full */
  isClosed = false;
  /** bytes that are left free, as it is set */
  readonly floor: () => number;
  readonly #disks = new Map<number, Disk>();

  constructor(floor: () => number) {
    this.floor = floor;
  }

  get disks(): readonly Disk[] {
    return [...this.#disks.values()];
  }

  /** @param device number (stat(2)); `path`: of a directory on it */
  disk(device: number, path: string): Disk {
    const known = this.#disks.get(device);
    if (known !== undefined) {
      known.seenAt(path);
      return known;
    }
    const disk = new Disk(path, this);
    this.#disks.set(device, disk);
    return disk;
  }
}
