import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { FsError } from "../errors.ts";
import type { JournalKey, LedgerStore, OpenedRow } from "../store/ledger.ts";
import type { Change } from "../store/types.ts";
import type {
  Books,
  Entry,
  FileCharge,
  FileState,
  Inspected,
  Removed,
  Usage,
  Witness,
} from "../vfs/books.ts";
import { toBuffer, type VirtualPath } from "../vfs/path.ts";

/** A new file is charged this much at once, so that most small files need no further booking. */
const AHEAD_AT_CREATION = 64 * 1024;
const SMALLEST_STEP = 1024 * 1024;

/** How long a refused growth waits for other processes to give back what they hold ahead of need. */
const SQUEEZE_TIMEOUT_MS = 2_000;
/** How long growth waits for a copy of the file to end. */
const FREEZE_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

/** How often one file may be open in a process: closing it looks at all the others. */
const MAX_OPEN_ONE_FILE = 1024;
/** Files given back from in one turn of the event loop. */
const TRIMS_A_TURN = 32;

/**
 * The quota as the virtual filesystem uses it, one for each process. Growth is charged before it
 * is written, in steps while the limit is far; near it, or when another writer needs the room, the
 * steps are given back, so that what fits is never refused.
 */
export class Ledger implements Books {
  readonly #store: LedgerStore;
  readonly #witness: Witness;
  readonly #settleDead: () => Promise<void>;
  /** by user and row */
  readonly #reservations = new Map<number, Map<number, Reservation>>();
  /** how often each file is open, by inode */
  readonly #open = new Map<string, number>();
  /** rows of files that are closed but still in the books as open */
  readonly #unsettled = new Set<number>();

  /**
   * @param witness looks at the disk for what processes that died have left
   * @param settleDead settles the journals of processes that died, see `recover`
   */
  constructor(
    store: LedgerStore,
    witness: Witness,
    settleDead: () => Promise<void> = async () => {},
  ) {
    this.#store = store;
    this.#witness = witness;
    this.#settleDead = settleDead;
    store.setWitness(witness);
  }

  /** @throws InstanceError when the homes these books are of are not there */
  requireHomes(): void {
    this.#store.requireHomes();
  }

  usage(userId: number): Promise<Usage> {
    return this.#store.usage(userId);
  }

  /** The usage with nothing charged ahead of need by this process. */
  async exactUsage(userId: number): Promise<Usage> {
    await this.giveBack(userId);
    return this.#store.usage(userId);
  }

  /** Journals a file that exists and is about to be opened. */
  async open(userId: number, path: VirtualPath, inspect: () => Inspected): Promise<Reservation> {
    const opened = await this.#store.open(userId, toBuffer(path), () => {
      const found = inspect();
      if ((this.#open.get(found.inode) ?? 0) < MAX_OPEN_ONE_FILE) return found;
      throw new FsError("EMFILE", "The file is open too often");
    });
    return this.#hold(userId, opened);
  }

  /** Counts and makes a file, journaled as open. */
  async createFile(
    userId: number,
    { path, inside }: Entry,
    perform: () => Inspected,
  ): Promise<Reservation> {
    const ahead = AHEAD_AT_CREATION;
    const made = await this.#store.create(userId, toBuffer(path), ahead, perform, inside);
    if (made?.opened === undefined) throw await this.#tooManyFiles(userId);
    return this.#hold(userId, made.opened);
  }

  /** Counts and makes a directory or link. */
  async createEntry(userId: number, { path, inside }: Entry, perform: () => void): Promise<void> {
    const make = (): undefined => void perform();
    const made = await this.#store.create(userId, toBuffer(path), 0, make, inside);
    if (made === undefined) throw await this.#tooManyFiles(userId);
  }

  /** @param inspect what is removed: its inode, and the bytes that frees if no other name is left */
  remove(
    userId: number,
    { path, inside }: Entry,
    inspect: () => Inspected,
    perform: () => Removed | undefined,
  ): Promise<void> {
    return this.#store.remove(userId, toBuffer(path), inspect, perform, inside);
  }

  /**
   * @param moved the inode that gets another name
   * @param inspect what stands there and is replaced
   */
  rename(
    userId: number,
    from: VirtualPath,
    to: VirtualPath,
    moved: string,
    inspect: () => Inspected | undefined,
    perform: () => Removed | undefined,
  ): Promise<void> {
    return this.#store.rename(userId, toBuffer(from), toBuffer(to), moved, inspect, perform);
  }

  /** Another process wants the room, or the quota was changed. */
  async onChange(change: Change): Promise<void> {
    if (change.kind === "squeeze" || change.kind === "user-set") await this.giveBack(change.userId);
  }

  /** Gives back everything this process holds charged ahead of need for the user. */
  async giveBack(userId: number): Promise<void> {
    const held = this.#reservations.get(userId);
    if (held === undefined) return;
    let trims = 0;
    for (const row of await this.#store.slackHere(userId)) {
      const reservation = held.get(row);
      if (reservation === undefined) continue;
      await this.trim(reservation);
      trims += 1;
      if (trims % TRIMS_A_TURN === 0) await turn();
    }
  }

  /** @internal for Reservation */
  async grow(holder: Reservation, end: number): Promise<void> {
    const { userId } = holder;
    const step = Math.max(SMALLEST_STEP, holder.charged);
    if ((await this.#ask(holder, end, step)) === undefined) return;
    await this.giveBack(userId);
    let refusal = await this.#ask(holder, end, 0);
    // A process that died gives nothing back by itself. The server's own recovery logs what fails.
    if (refusal !== undefined) await this.#settleDead().catch(() => undefined);
    const patience = Date.now() + SQUEEZE_TIMEOUT_MS;
    let asked = false;
    while (refusal !== undefined && Date.now() < patience) {
      const elsewhere = await this.#store.slackElsewhere(userId);
      if (elsewhere > 0 && !asked) await this.#store.askForSlack(userId);
      asked = true;
      if (elsewhere > 0) await sleep(POLL_MS);
      refusal = await this.#ask(holder, end, 0);
      if (elsewhere === 0) break;
    }
    if (refusal !== undefined) throw quotaExceeded(refusal, end - holder.charged);
  }

  /** Asks the store, and again while the file is being copied. */
  async #ask(holder: Reservation, end: number, step: number): Promise<Usage | undefined> {
    const granted = (charged: number): void => holder.granted(charged, end);
    const patience = Date.now() + FREEZE_TIMEOUT_MS;
    for (;;) {
      const answer = await this.#store.grow(holder, end, step, granted);
      if (answer !== "frozen") return answer;
      if (Date.now() > patience) throw new FsError("EBUSY", "the file is being copied");
      await sleep(POLL_MS);
    }
  }

  /** @internal for Reservation */
  async freeze(holder: Reservation, size: number): Promise<boolean> {
    await this.trim(holder);
    return this.#store.freeze(holder, size);
  }

  /** @internal for Reservation */
  thaw(holder: Reservation): Promise<void> {
    return this.#store.thaw(holder);
  }

  /** @internal for Reservation */
  trim(holder: Reservation): Promise<void> {
    const need = (): number => holder.needed();
    const booked = (charged: number): void => {
      holder.charged = charged;
    };
    return this.#store.trim(holder, need, booked);
  }

  /** @internal for Reservation */
  async settle(holder: Reservation, look: () => FileState): Promise<boolean> {
    this.#drop(holder);
    let linked = true;
    try {
      await this.#store.settle(holder, () => {
        const state = look();
        linked = state.linked;
        return state;
      });
    } catch (thrown) {
      this.#unsettled.add(holder.row);
      throw thrown;
    }
    return linked;
  }

  /** Settles what could not be settled when it was closed: the database's disk was full, say. */
  async settleLate(): Promise<void> {
    if (this.#unsettled.size === 0) return;
    const rows = await this.#store.journalOf(this.#store.node);
    const left = new Map(rows.map((row) => [row.row, row]));
    // Others may be added meanwhile: only what is settled, or has no row any more, is forgotten.
    for (const number of [...this.#unsettled]) {
      const row = left.get(number);
      if (row !== undefined) await this.#store.settle(row, () => this.#witness.outcome(row));
      this.#unsettled.delete(number);
    }
  }

  #drop(holder: Reservation): void {
    const held = this.#reservations.get(holder.userId);
    held?.delete(holder.row);
    if (held?.size === 0) this.#reservations.delete(holder.userId);
    const left = (this.#open.get(holder.inode) ?? 1) - 1;
    if (left > 0) this.#open.set(holder.inode, left);
    else this.#open.delete(holder.inode);
  }

  #hold(userId: number, opened: OpenedRow): Reservation {
    const reservation = new Reservation(this, userId, opened);
    let held = this.#reservations.get(userId);
    if (held === undefined) {
      held = new Map();
      this.#reservations.set(userId, held);
    }
    held.set(reservation.row, reservation);
    this.#open.set(opened.inode, (this.#open.get(opened.inode) ?? 0) + 1);
    return reservation;
  }

  async #tooManyFiles(userId: number): Promise<FsError> {
    const { usedFiles, quotaFiles } = await this.#store.usage(userId);
    return new FsError("EDQUOT", `Quota exceeded: ${usedFiles} of ${quotaFiles} files used`);
  }
}

function quotaExceeded({ usedBytes, quotaBytes }: Usage, needed: number): FsError {
  return new FsError(
    "EDQUOT",
    `Quota exceeded: ${usedBytes} of ${quotaBytes} bytes used, ${Math.max(1, needed)} more needed`,
  );
}

/** A row of the journal of open files, and which growth is under way. */
export class Reservation implements FileCharge, JournalKey {
  readonly row: number;
  readonly userId: number;
  readonly inode: string;
  /** bytes the file may reach without asking */
  charged: number;
  readonly #ledger: Ledger;
  #look: (() => FileState) | undefined;
  #active = 0;
  #furthest = 0;

  constructor(ledger: Ledger, userId: number, opened: OpenedRow) {
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
    if (end > this.charged) return this.#ledger.grow(this, end);
    this.#grant(end);
    return undefined;
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
  }

  /** Bytes the file needs now: its size, or where granted writes under way will end. */
  needed(): number {
    const size = this.#look === undefined ? this.charged : this.#look().size;
    return Math.max(size, this.#furthest);
  }

  async whileFrozen(size: number, act: () => Promise<boolean>): Promise<boolean> {
    if (!(await this.#ledger.freeze(this, size))) return false;
    try {
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
    return this.#ledger.trim(this);
  }

  async settle(look = this.#look): Promise<boolean> {
    if (look === undefined) throw new FsError("EBADF");
    this.#look = undefined;
    return this.#ledger.settle(this, look);
  }
}
