import { FsError } from "../errors.ts";
import type { JournalKey, OpenedRow } from "../store/ledger.ts";
import type { FileCharge, FileState } from "../vfs/books.ts";
import type { Fence } from "./fence.ts";

/** Who grants what a file may grow to. */
interface Grants {
  readonly fence: Fence;
  grow(holder: Reservation, end: number): Promise<void> | undefined;
  trim(holder: Reservation): Promise<void>;
  freeze(holder: Reservation, size: number): Promise<boolean>;
  thaw(holder: Reservation): Promise<void>;
  settle(holder: Reservation, look: () => FileState): Promise<boolean>;
}

/** A row of the journal of open files, and which growth is under way. */
export class Reservation implements FileCharge, JournalKey {
  readonly row: number;
  readonly userId: number;
  readonly inode: string;
  /** bytes the file may reach without asking */
  charged: number;
  readonly #ledger: Grants;
  #look: (() => FileState) | undefined;
  #active = 0;
  #furthest = 0;

  constructor(ledger: Grants, userId: number, opened: OpenedRow) {
    this.#ledger = ledger;
    this.userId = userId;
    this.row = opened.row;
    this.inode = opened.inode;
    this.charged = opened.charged;
  }

  attach(look: () => FileState): void {
    this.#look = look;
  }

  reserve(end: number): Promise<void> | undefined {
    const { fence } = this.#ledger;
    if (fence.isClosed) return Promise.reject(fence.refusal);
    if (end > this.charged) return this.#ledger.grow(this, end)?.then(() => this.#inTime());
    this.#grant(end);
    return undefined;
  }

  /** Granting may have taken long. */
  #inTime(): void {
    const { fence } = this.#ledger;
    if (!fence.isClosed) return;
    this.release();
    throw fence.refusal;
  }

  requireTouch(): void {
    this.#ledger.fence.check();
  }

  /** Called in the turn that grants it: from now on `end` is in use. */
  granted(charged: number, end: number): void {
    this.charged = charged;
    this.#grant(end);
  }

  #grant(end: number): void {
    this.#active += 1;
    if (end > this.#furthest) this.#furthest = end;
  }

  release(): void {
    this.#active -= 1;
    if (this.#active === 0) this.#furthest = 0;
    this.#ledger.fence.ended(this.userId);
  }

  /** Bytes the file needs now: its size, or where granted writes under way will end. */
  needed(): number {
    const size = this.#look === undefined ? this.charged : this.#look().size;
    return Math.max(size, this.#furthest);
  }

  async whileFrozen(size: number, act: () => Promise<boolean>): Promise<boolean> {
    if (!(await this.#ledger.freeze(this, size))) return false;
    try {
      this.requireTouch();
      return await act();
    } finally {
      await this.#ledger.thaw(this);
    }
  }

  async failed(): Promise<void> {
    this.release();
    // What can't be booked now is when the file is closed.
    await this.#ledger.trim(this).catch(() => undefined);
  }

  shrunk(): Promise<void> {
    this.#ledger.fence.ended(this.userId);
    return this.#ledger.trim(this);
  }

  async settle(look = this.#look): Promise<boolean> {
    if (look === undefined) throw new FsError("EBADF");
    this.#look = undefined;
    return this.#ledger.settle(this, look);
  }
}
