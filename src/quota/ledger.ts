import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { FsError } from "../errors.ts";
import type { HomeUses } from "../store/home-uses.ts";
import { HeldHomeError, type LeaseStore } from "../store/leases.ts";
import type { JournalRow, LedgerStore, OpenedRow } from "../store/ledger.ts";
import type { Change } from "../store/types.ts";
import type {
  Books,
  BookView,
  Entry,
  FileState,
  Inspected,
  Removed,
  Usage,
  Witness,
} from "../vfs/books.ts";
import { toBuffer, type VirtualPath } from "../vfs/path.ts";
import { TrashRoom } from "../vfs/trash-room.ts";
import { Fence } from "./fence.ts";
import type { HomeBooks } from "./held-home.ts";
import { Holding } from "./holding.ts";
import { missingForFile, missingForGrowth, quotaExceeded, tooManyFiles } from "./missing.ts";
import { OpenFiles } from "./open-files.ts";
import { type BookStore, recover, recoverHome } from "./recover.ts";
import { Reservation } from "./reservation.ts";

/** A new file is charged this much at once, so that most small files need no further booking. */
const AHEAD_AT_CREATION = 64 * 1024;
const SMALLEST_STEP = 1024 * 1024;

/** How long a refused growth waits for other processes to give back what they hold ahead of need. */
const SQUEEZE_TIMEOUT_MS = 2_000;
/** How long growth waits for a copy of the file to end. */
const FREEZE_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
/** A shared home that was not used for so long is not counted when this process is lost. */
const UNUSED_MS = 30_000;

/** Files given back from in one turn of the event loop. */
const TRIMS_A_TURN = 32;

/**
 * The quota as the virtual filesystem uses it, one for each process. Growth is charged before it
 * is written, in steps while the limit is far; near it, or when another writer needs the room, the
 * steps are given back, so that what fits is never refused.
 */
export class Ledger implements Books {
  readonly #store: LedgerStore;
  readonly #leases: LeaseStore;
  readonly #witness: Witness;
  readonly #settleDead: () => Promise<void>;
  readonly #uses: HomeUses;
  /** asked before each change */
  readonly fence: Fence;
  readonly #trash: TrashRoom;
  /** absent: each change is a transaction of the store */
  readonly #holding: Holding | undefined;
  readonly #open = new OpenFiles();
  /** rows of files that are closed but still in the books as open, and whose they are */
  readonly #unsettled = new Map<number, number>();
  /** users whose books may have changed */
  #touched = new Set<number>();

  /**
   * @param witness looks at the disk for what processes that died have left
   * @param holds whether this process holds the homes that it alone uses. Then it has to be told all
   * changes, and `tend` to be called
   * @param quietMs how long a home is shared after another process needed it, in milliseconds
   */
  constructor(
    store: BookStore,
    witness: Witness,
    { holds = false, quietMs }: { readonly holds?: boolean; readonly quietMs?: number } = {},
  ) {
    this.#store = store.ledger;
    this.#leases = store.leases;
    this.#witness = witness;
    this.#settleDead = () => recover(store, witness);
    this.#uses = store.uses;
    this.fence = new Fence(store.life);
    const missed = (userId: number): void => this.fence.miss(userId);
    this.#holding = holds ? new Holding(store.ledger, store.leases, quietMs, missed) : undefined;
    this.#trash = new TrashRoom({
      root: store.ledger.root,
      books: this,
      nameOf: (userId) => store.ledger.homeName(userId),
    });
    store.ledger.setWitness(witness);
    store.leases.onDead((home) => recoverHome(store, witness, home));
  }

  /** @throws InstanceError when the homes these books are of are not there */
  requireHomes(): void {
    this.#store.requireHomes();
  }

  requireTouch(): void {
    this.fence.check();
  }

  usage(userId: number): Promise<Usage> {
    return this.#on(userId, (books) => books.usage(userId));
  }

  /**
   * Runs `act` on the books of the home: this process's own if it holds the home, else the store's.
   */
  #on<T>(userId: number, act: (books: HomeBooks) => Promise<T>): Promise<T> {
    this.#touched.add(userId);
    const held = this.#holding?.get(userId);
    return held === undefined ? this.#onShared(userId, act) : act(held);
  }

  async #onShared<T>(userId: number, act: (books: HomeBooks) => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#holding?.get(userId) === undefined) await this.#holding?.take(userId);
      if (this.#uses.areTold && !this.holds(userId)) await this.#uses.add(userId);
      try {
        // Asked again: since it was taken it may have been given up.
        return await act(this.#holding?.get(userId) ?? this.#store);
      } catch (thrown) {
        if (!(thrown instanceof HeldHomeError)) throw thrown;
        if (this.#holding?.get(userId) === undefined) await this.#leases.share(userId);
      }
    }
  }

  /** The usage with nothing charged ahead of need by this process. */
  async exactUsage(userId: number): Promise<Usage> {
    await this.giveBack(userId);
    return this.usage(userId);
  }

  async open(
    userId: number,
    path: VirtualPath,
    inspect: () => Inspected,
    writes: boolean,
  ): Promise<Reservation> {
    const look = (): Inspected => {
      const found = inspect();
      this.#open.refuseTooMany(found.inode);
      return found;
    };
    const name = toBuffer(path);
    const opened = await this.#on(userId, (books) => books.open(userId, name, look, writes));
    return this.#hold(userId, opened);
  }

  /** Counts and makes a file, journaled as open. */
  async createFile(userId: number, entry: Entry, perform: () => Inspected): Promise<Reservation> {
    const made = await this.#create(userId, entry, AHEAD_AT_CREATION, perform);
    return this.#hold(userId, made.opened as OpenedRow);
  }

  /** Counts and makes a directory or link. */
  async createEntry(userId: number, entry: Entry, perform: () => void): Promise<void> {
    await this.#create(userId, entry, 0, () => void perform());
  }

  async #create(
    userId: number,
    entry: Entry,
    ahead: number,
    perform: () => Inspected | undefined,
  ): Promise<{ readonly opened: OpenedRow | undefined }> {
    const { path, inside } = entry;
    const name = toBuffer(path);
    // Asked before anything is written down: after a kill, what stands there is taken for made.
    const vacant = (): void => {
      if (entry.current() !== undefined) throw new FsError("EEXIST");
    };
    const make = this.fence.guard(userId, perform);
    const create = (books: HomeBooks) => books.create(userId, name, ahead, make, inside, vacant);
    for (;;) {
      const made = await this.#on(userId, create);
      if (made !== undefined) return made;
      if (!(await this.#trash.giveWay(userId, missingForFile))) {
        throw tooManyFiles(await this.usage(userId));
      }
    }
  }

  /** @param inspect what is removed: its inode, and the bytes that frees if no other name is left */
  remove(
    userId: number,
    { path, inside }: Entry,
    inspect: (book: BookView) => Inspected,
    perform: () => Removed | undefined,
  ): Promise<void> {
    const name = toBuffer(path);
    const act = this.fence.guard(userId, perform);
    return this.#on(userId, (books) => books.remove(userId, name, inspect, act, inside));
  }

  /**
   * @param moved the inode that gets another name
   * @param inspect what stands there and is replaced
   * @param kept the name that what stands there gets instead
   */
  rename(
    userId: number,
    from: VirtualPath,
    to: VirtualPath,
    moved: string,
    inspect: (book: BookView) => Inspected | undefined,
    perform: () => Removed | undefined,
    kept?: VirtualPath,
  ): Promise<void> {
    const names = [toBuffer(from), toBuffer(to)] as const;
    const act = this.fence.guard(userId, perform);
    const all = [userId, ...names, moved, inspect, act, kept && toBuffer(kept)] as const;
    return this.#on(userId, (books) => books.rename(...all));
  }

  held(userId: number): Promise<ReadonlyMap<string, number>> {
    return this.#on(userId, (books) => books.held(userId));
  }

  /** Another process wants the room, or the quota was changed. */
  async onChange(change: Change): Promise<void> {
    if (change.kind === "user-set") this.#touched.add(change.userId);
    if (change.kind === "share") await this.#holding?.giveUp(change.userId);
    if (change.kind === "fold") await this.#answer(change.id);
    if (change.kind === "squeeze" || change.kind === "user-set") await this.giveBack(change.userId);
    if (change.kind === "group-set") {
      for (const userId of this.#open.users) await this.giveBack(userId);
    }
  }

  async #answer(change: number): Promise<void> {
    if (this.#holding === undefined) return;
    await this.#holding.fold();
    await this.#leases.answer(change);
  }

  /** Whether this process has the home's book in memory. */
  holds(userId: number): boolean {
    return this.#holding?.get(userId) !== undefined;
  }

  /** Whether this process has a book in memory that another one may ask for. */
  get isHolding(): boolean {
    return this.#holding?.isUsed ?? false;
  }

  /** Tells the store what it doesn't know yet; to be called every second or so. */
  async tend(): Promise<void> {
    await this.#holding?.tend();
    await this.#uses.forget(UNUSED_MS, (userId) => this.#open.of(userId) !== undefined);
  }

  /** The user's books are to be looked at. */
  touch(userId: number): void {
    this.#touched.add(userId);
  }

  /** The users whose books may have changed since the last call. */
  takeTouched(): ReadonlySet<number> {
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  /** Gives back everything this process holds charged ahead of need for the user. */
  async giveBack(userId: number): Promise<void> {
    const held = this.#open.of(userId);
    if (held === undefined) return;
    let trims = 0;
    for (const row of await this.#on(userId, (books) => books.slackHere(userId))) {
      const reservation = held.get(row);
      if (reservation === undefined) continue;
      await this.trim(reservation).catch((thrown: unknown) => {
        // One that was closed meanwhile holds nothing any more.
        if (held.has(row)) throw thrown;
      });
      trims += 1;
      if (trims % TRIMS_A_TURN === 0) await turn();
    }
  }

  /**
   * @internal for Reservation
   * @returns undefined when it was granted at once
   */
  grow(holder: Reservation, end: number): Promise<void> | undefined {
    const { inode, row, userId } = holder;
    const granted = (charged: number): void => holder.granted(charged, end);
    const held = this.#holding?.get(userId);
    this.#touched.add(userId);
    try {
      if (held !== undefined && held.growNow(inode, row, end, granted) === undefined) return;
    } catch (thrown) {
      return Promise.reject(thrown);
    }
    return this.#growSlowly(holder, end);
  }

  async #growSlowly(holder: Reservation, end: number): Promise<void> {
    const { userId } = holder;
    const step = Math.max(SMALLEST_STEP, holder.charged);
    if ((await this.#ask(holder, end, step)) === undefined) return;
    await this.giveBack(userId);
    let refusal = await this.#ask(holder, end, 0);
    // A process that died gives nothing back by itself. The server's own recovery logs what fails.
    if (refusal !== undefined) await this.#settleDead().catch(() => undefined);
    const patience = performance.now() + SQUEEZE_TIMEOUT_MS;
    let asked = false;
    while (refusal !== undefined && performance.now() < patience) {
      const elsewhere = await this.#store.slackElsewhere(userId);
      if (elsewhere > 0 && !asked) await this.#store.askForSlack(userId);
      asked = true;
      if (elsewhere > 0) await sleep(POLL_MS);
      refusal = await this.#ask(holder, end, 0);
      if (elsewhere === 0) break;
    }
    const missing = missingForGrowth(holder.inode, end);
    while (refusal !== undefined && (await this.#trash.giveWay(userId, missing))) {
      refusal = await this.#ask(holder, end, 0);
    }
    if (refusal !== undefined) throw quotaExceeded(refusal, end - holder.charged);
  }

  /** Asks the store, and again while the file is being copied. */
  async #ask(holder: Reservation, end: number, step: number): Promise<Usage | undefined> {
    const granted = (charged: number): void => holder.granted(charged, end);
    const patience = performance.now() + FREEZE_TIMEOUT_MS;
    for (;;) {
      const grow = (books: HomeBooks) => books.grow(holder, end, step, granted);
      const answer = await this.#on(holder.userId, grow);
      if (answer !== "frozen") return answer;
      if (performance.now() > patience) throw new FsError("EBUSY", "the file is being copied");
      await sleep(POLL_MS);
    }
  }

  /** @internal for Reservation */
  async freeze(holder: Reservation, size: number): Promise<boolean> {
    await this.trim(holder);
    return this.#on(holder.userId, (books) => books.freeze(holder, size));
  }

  /** @internal for Reservation */
  thaw(holder: Reservation): Promise<void> {
    return this.#on(holder.userId, (books) => books.thaw(holder));
  }

  /** @internal for Reservation */
  trim(holder: Reservation): Promise<void> {
    const need = (): number => holder.needed();
    const booked = (charged: number): void => {
      holder.charged = charged;
    };
    return this.#on(holder.userId, (books) => books.trim(holder, need, booked));
  }

  /** @internal for Reservation */
  async settle(holder: Reservation, look: () => FileState): Promise<boolean> {
    this.#open.remove(holder);
    let linked = true;
    try {
      const inspect = (): FileState => {
        const state = look();
        linked = state.linked;
        return state;
      };
      await this.#on(holder.userId, (books) => books.settle(holder, inspect));
    } catch (thrown) {
      this.#unsettled.set(holder.row, holder.userId);
      throw thrown;
    }
    return linked;
  }

  /** Settles what could not be settled when it was closed: the database's disk was full, say. */
  async settleLate(): Promise<void> {
    if (this.#unsettled.size === 0) return;
    // Of homes that are held the store may not have the rows yet.
    for (const userId of new Set(this.#unsettled.values())) await this.#leases.share(userId);
    const rows = await this.#store.journalOf(this.#store.node);
    const left = new Map(rows.map((row) => [row.row, row]));
    // Others may be added meanwhile: only what is settled, or has no row any more, is forgotten.
    for (const number of [...this.#unsettled.keys()]) {
      const row = left.get(number);
      if (row !== undefined) await this.#settleLate(row);
      this.#unsettled.delete(number);
    }
  }

  #settleLate(row: JournalRow): Promise<void> {
    const look = (): FileState => this.#witness.outcome(row);
    return this.#on(row.userId, (books) => books.settle(row, look));
  }

  #hold(userId: number, opened: OpenedRow): Reservation {
    const reservation = new Reservation(this, userId, opened);
    this.#open.add(reservation);
    return reservation;
  }
}
