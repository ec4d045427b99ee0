import { setImmediate as turn } from "node:timers/promises";
import { FsError } from "../errors.ts";
import type { OpenDirectory, OpenFile } from "../vfs/types.ts";

/** {@link FileHandle.expectedEnd} before the first read, where nobody knows the size. */
export const UNKNOWN_END = -1;

export interface FileHandle {
  readonly kind: "file";
  readonly file: OpenFile;
  /** where the file ended when it was opened or last read: reading there needs no large buffer */
  expectedEnd: number;
}

export interface DirectoryHandle {
  readonly kind: "directory";
  readonly directory: OpenDirectory;
}

export type Handle = FileHandle | DirectoryHandle;

/** Handles closed in one turn of the event loop. */
const CLOSES_A_TURN = 16;

/**
 * The open handles of one channel. On the wire a handle is a number of 8 bytes that is never given
 * out twice, so one used after CLOSE hits nothing.
 */
export class Handles {
  readonly max: number;
  #open = new Map<number, Handle>();
  #last = 0;

  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @throws FsError EMFILE when no further handle may be opened */
  reserve(): void {
    if (this.#open.size >= this.max) throw new FsError("EMFILE");
  }

  /** The handle's name on the wire. */
  add(handle: Handle): Buffer {
    this.#last++;
    this.#open.set(this.#last, handle);
    const name = Buffer.allocUnsafe(8);
    name.writeUInt32BE(Math.floor(this.#last / 0x100000000), 0);
    name.writeUInt32BE(this.#last >>> 0, 4);
    return name;
  }

  get(number: number): Handle | undefined {
    return this.#open.get(number);
  }

  /** @throws FsError EBADF */
  file(number: number): FileHandle {
    const handle = this.#open.get(number);
    if (handle?.kind !== "file") throw new FsError("EBADF");
    return handle;
  }

  /** @throws FsError EBADF */
  directory(number: number): DirectoryHandle {
    const handle = this.#open.get(number);
    if (handle?.kind !== "directory") throw new FsError("EBADF");
    return handle;
  }

  /** Forgets the handle and closes what is behind it. @throws FsError EBADF */
  async close(number: number): Promise<void> {
    const handle = this.#open.get(number);
    if (handle === undefined) throw new FsError("EBADF");
    this.#open.delete(number);
    await closeHandle(handle);
  }

  /**
   * Closes everything, little by little: closing takes no thread, and clients that end with many
   * open files must not hold up the others. What fails is reported and keeps nothing else open.
   */
  async closeAll(onError: (thrown: unknown) => void): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const [index, handle] of open.entries()) {
      if (index % CLOSES_A_TURN === CLOSES_A_TURN - 1) await turn();
      if (handle.kind === "file") handle.file.abandon?.();
      try {
        await closeHandle(handle);
      } catch (thrown) {
        onError(thrown);
      }
    }
  }
}

function closeHandle(handle: Handle): Promise<void> {
  return handle.kind === "file" ? handle.file.close() : handle.directory.close();
}
