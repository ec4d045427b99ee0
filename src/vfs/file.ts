import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  ftruncate,
  ftruncateSync,
  futimesSync,
  openSync,
  readSync,
  writeSync,
  writevSync,
} from "node:fs";
import { promisify } from "node:util";
import { toFsError } from "../errors.ts";
import { inOrder } from "./appends.ts";
import type { FileCharge } from "./books.ts";
import { stateOf } from "./evidence.ts";
import { badHandle, denied, type Guard, told } from "./guard.ts";
import { INLINE_BYTES, inlineCalls } from "./inline.ts";
import { letGo, letGoSlowly } from "./let-go.ts";
import type { VirtualPath } from "./path.ts";
import { itself } from "./proc.ts";
import { type Disk, diskFull } from "./space.ts";
import { checkOwner, PERMISSIONS, toFileStat } from "./stat.ts";
import { readFully, writeFully } from "./thread-io.ts";
import type { FileStat, OpenFile, OpenFlags, Owner, StatChange } from "./types.ts";
import type { WriteWatch } from "./watch.ts";

/** Shortening by more than this may take the disk a while: done off the event loop. */
const LONG_TRUNCATE = 1024 * 1024;

/** What st_blocks counts (stat(2)). */
const STAT_BLOCK = 512;

const truncateAsync = promisify(ftruncate);
const syncAsync = promisify(fsync);

/** An open regular file in a home, charged to its user. */
export class HomeFile implements OpenFile {
  readonly path: VirtualPath;
  readonly flags: OpenFlags;
  readonly inode: string;
  readonly sizeAtFirst: number;
  readonly #guard: Guard;
  readonly #fd: number;
  readonly #owner: Owner;
  readonly #charge: FileCharge;
  readonly #onClose: (file: HomeFile) => void;
  readonly #watch: WriteWatch | undefined;
  readonly #disk: Disk;
  #busy = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    fd: number,
    guard: Guard,
    flags: OpenFlags,
    owner: Owner,
    charge: FileCharge,
    onClose: (file: HomeFile) => void,
    watch: WriteWatch | undefined,
    disk: Disk,
    size: number,
  ) {
    this.#fd = fd;
    this.sizeAtFirst = size;
    this.#disk = disk;
    this.#guard = guard;
    this.path = guard.treePath;
    this.flags = flags;
    this.#owner = owner;
    this.#charge = charge;
    this.#onClose = onClose;
    this.#watch = watch;
    this.inode = charge.inode;
    charge.attach(stateOf(fd));
  }

  /** What the audit trail calls it. */
  get recorded(): VirtualPath {
    return this.#guard.recorded;
  }

  get isGone(): boolean {
    return this.#guard.isGone;
  }

  checkAlong(algorithm: string): void {
    this.#watch?.along(algorithm);
  }

  relocate(): void {
    this.#guard.relocate(this.#fd);
  }

  /** the home or folder that it counts to */
  get homeId(): number {
    return this.#guard.mount.ground.id;
  }

  read(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    if (this.#closing !== undefined || !this.flags.read) return Promise.reject(badHandle());
    if (!this.#guard.mayRead) return Promise.reject(denied());
    if (length <= INLINE_BYTES) {
      const count = this.#readInline(target, offset, length, position);
      if (count !== undefined) return Promise.resolve(count);
    }
    return this.#readByThread(target, offset, length, position);
  }

  /** undefined when it is not done: a thread does it, and reports what is wrong. */
  #readInline(target: Buffer, offset: number, length: number, position: number) {
    try {
      return inlineCalls.run(() => {
        let done = 0;
        while (done < length) {
          const at = offset + done;
          const count = readSync(this.#fd, target, at, length - done, position + done);
          if (count === 0) break;
          done += count;
        }
        return done;
      });
    } catch {
      return undefined;
    }
  }

  async #readByThread(target: Buffer, offset: number, length: number, position: number) {
    this.#busy += 1;
    try {
      return await readFully(this.#fd, target, offset, length, position);
    } catch (thrown) {
      throw toFsError(thrown);
    } finally {
      this.#finish();
    }
  }

  write(slices: readonly Buffer[], length: number, position: number): Promise<void> {
    if (this.#closing !== undefined || !this.flags.write) return Promise.reject(badHandle());
    if (!this.#guard.mayWrite) return Promise.reject(denied());
    // POSIX: a write of 0 bytes changes nothing, whatever its position.
    if (length === 0) return Promise.resolve();
    if (this.flags.append) return this.#append(slices, length);
    return this.#put(slices, length, position);
  }

  async stat(): Promise<FileStat> {
    return this.#run(() => {
      if (!this.#guard.mayLook) throw denied();
      return toFileStat(fstatSync(this.#fd));
    });
  }

  setStat(change: StatChange): Promise<void> {
    return this.#run(async () => {
      if (!this.#guard.mayWrite) throw denied();
      checkOwner(change, this.#owner);
      this.#charge.requireTouch();
      if (change.size !== undefined) await this.#setSize(change.size);
      if (change.permissions !== undefined) {
        fchmodSync(this.#fd, change.permissions & PERMISSIONS);
      }
      if (change.times !== undefined) {
        futimesSync(this.#fd, change.times.atime, change.times.mtime);
      }
    });
  }

  /**
   * Runs `act`, which writes up to `end` bytes, when there is room for all of them. What it has not
   * used is given back.
   * @throws FsError EDQUOT before anything is done
   */
  withRoom<T>(end: number, act: () => Promise<T>): Promise<T> {
    return this.#run(async () => {
      await this.#charge.reserve(end);
      try {
        return await act();
      } finally {
        // The source may have become shorter, or nobody wants the rest.
        if (fstatSync(this.#fd).size < end) await this.#charge.failed();
        else this.#charge.release();
      }
    });
  }

  /**
   * Copies the whole of `source`, which can't grow meanwhile, into this file, which is empty.
   * @param copy does it from one path to the other; false: it did nothing
   * @returns false, with nothing done, when the source may be growing
   */
  copyWhole(
    source: HomeFile,
    size: number,
    copy: (from: string, to: string) => Promise<boolean>,
  ): Promise<boolean> {
    const act = async (): Promise<boolean> => {
      if (!this.#guard.mayWrite || !source.#guard.mayRead) throw denied();
      await this.#charge.reserve(size);
      this.#watch?.lost();
      try {
        return await source.#charge.whileFrozen(size, async () => {
          const { mode } = fstatSync(this.#fd);
          try {
            return await copy(itself(source.#fd), itself(this.#fd));
          } finally {
            // The kernel's ways give the copy the source's permissions.
            fchmodSync(this.#fd, mode & PERMISSIONS);
          }
        });
      } finally {
        // The source may have become shorter.
        await this.#charge.failed();
      }
    };
    return this.#run(() => this.#withRoom(size, act));
  }

  async #withRoom<T>(bytes: number, act: () => Promise<T>): Promise<T> {
    if (!this.#disk.take(bytes)) throw diskFull();
    try {
      return await act();
    } finally {
      this.#disk.done(bytes);
    }
  }

  sync(): Promise<void> {
    return this.#run(() => syncAsync(this.#fd));
  }

  duplicate(): number {
    if (this.#closing !== undefined || !this.flags.read) throw badHandle();
    if (!this.#guard.mayRead) throw denied();
    try {
      return openSync(itself(this.#fd), constants.O_RDONLY);
    } catch (thrown) {
      throw toFsError(thrown);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #put(slices: readonly Buffer[], length: number, position: number): Promise<void> {
    try {
      if (!this.#takesRoom(length, position)) return Promise.reject(diskFull());
    } catch (thrown) {
      return Promise.reject(toFsError(thrown));
    }
    this.#busy += 1;
    const wait = this.#charge.reserve(position + length);
    if (wait === undefined) return this.#putGranted(slices, length, position);
    return wait.then(
      () => this.#putGranted(slices, length, position),
      (thrown) => {
        this.#finishPut(length);
        throw toFsError(told(this.#guard, thrown));
      },
    );
  }

  /** On a full disk only existing bytes can be written over. */
  #takesRoom(length: number, position: number): boolean {
    if (this.#disk.take(length)) return true;
    const { blocks, size } = fstatSync(this.#fd);
    const hasHoles = blocks * STAT_BLOCK < size;
    if (hasHoles || position + length > size) return false;
    this.#disk.takeAnyway(length);
    return true;
  }

  #finishPut(length: number): void {
    this.#disk.done(length);
    this.#finish();
  }

  #putGranted(slices: readonly Buffer[], length: number, position: number): Promise<void> {
    if (length <= INLINE_BYTES && this.#putInline(slices, length, position)) {
      this.#watch?.wrote(position, length);
      this.#charge.release();
      this.#finishPut(length);
      return Promise.resolve();
    }
    return this.#putByThread(slices, length, position);
  }

  /** False when it is not, or not wholly, done: a thread does it again, and reports what is wrong. */
  #putInline(slices: readonly Buffer[], length: number, position: number): boolean {
    try {
      const [only] = slices;
      const write = (): number =>
        only === undefined || slices.length > 1
          ? writevSync(this.#fd, slices, position)
          : writeSync(this.#fd, only, 0, length, position);
      return inlineCalls.run(write) === length;
    } catch {
      return false;
    }
  }

  async #putByThread(slices: readonly Buffer[], length: number, position: number): Promise<void> {
    try {
      await writeFully(this.#fd, slices, length, position);
      this.#charge.release();
      this.#watch?.wrote(position, length);
    } catch (thrown) {
      void this.#charge.failed();
      this.#watch?.lost();
      throw toFsError(thrown);
    } finally {
      this.#finishPut(length);
    }
  }

  /** At the end of the file, whatever offset the client thinks that is. */
  #append(slices: readonly Buffer[], length: number): Promise<void> {
    // It counts as under way while it waits: a file closed meanwhile would give its descriptor, and so
    // what is appended, to somebody else.
    this.#busy += 1;
    return inOrder(this.inode, async () => {
      try {
        await this.#put(slices, length, fstatSync(this.#fd).size);
      } finally {
        this.#finish();
      }
    });
  }

  async #setSize(size: number): Promise<void> {
    if (!this.flags.write) throw badHandle();
    const stat = fstatSync(this.#fd);
    const before = stat.size;
    if (size > before) {
      this.#disk.expectRoom();
      await this.#charge.reserve(size);
      try {
        ftruncateSync(this.#fd, size);
      } catch (thrown) {
        await this.#charge.failed();
        throw thrown;
      }
      this.#watch?.resized(size);
      this.#charge.release();
      return;
    }
    // What ftruncate(2) does; a truncation could cut off what another wrote just now.
    if (size === before) return futimesSync(this.#fd, stat.atime, new Date());
    if (before - size > LONG_TRUNCATE) await truncateAsync(this.#fd, size);
    else ftruncateSync(this.#fd, size);
    this.#watch?.resized(size);
    await this.#charge.shrunk();
  }

  async #close(): Promise<void> {
    this.#onClose(this);
    if (this.#busy > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    let linked = true;
    try {
      await this.#watch?.closing();
      linked = await this.#charge.settle();
    } catch (thrown) {
      throw toFsError(thrown);
    } finally {
      // The last close of a removed file frees its blocks, which may take a while.
      if (!linked) await letGoSlowly(this.#fd);
      else if (this.flags.write) closeSync(this.#fd);
      else letGo(this.#fd);
    }
  }

  async #run<T>(act: () => T | Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw badHandle();
    this.#busy += 1;
    try {
      return await act();
    } catch (thrown) {
      throw toFsError(told(this.#guard, thrown));
    } finally {
      this.#finish();
    }
  }

  #finish(): void {
    this.#busy -= 1;
    if (this.#busy === 0) this.#idle?.();
  }
}
