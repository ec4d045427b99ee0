import type { JournalFile } from "../store/journal-file.ts";
import type { Fold, OpenBook } from "../store/leases.ts";
import type { JournalKey, LedgerStore, OpenedRow } from "../store/ledger.ts";
import type { BookView, FileState, Inspected, Removed, Usage } from "../vfs/books.ts";
import { Book } from "./book.ts";
import { carriedOut, type IntentEvent, type JournalEvent } from "./journal.ts";

/** What changes the books of a home: transactions of the store, or a book in memory. */
export interface HomeBooks extends Pick<LedgerStore, Plain> {
  /** @param writes whether the file may be changed by what opens it */
  open(userId: number, path: Buffer, inspect: () => Inspected, writes: boolean): Promise<OpenedRow>;
}

type Plain =
  | "usage"
  | "create"
  | "grow"
  | "trim"
  | "freeze"
  | "thaw"
  | "slackHere"
  | "held"
  | "settle"
  | "remove"
  | "rename";

interface Parts {
  readonly userId: number;
  readonly append: JournalFile["append"];
  /** the number of a new row of this process */
  nextRow(): number;
}

/**
 * A home that only this process uses: its book is in memory, and deciding is comparing. Before a
 * name changes, a record goes to the journal: what came of those before, and what is to be done.
 * What becomes of an open file is written down before it may change, and told with the next record
 * when it is closed: until then a look at the disk says the same.
 */
export class HeldHome implements HomeBooks {
  readonly userId: number;
  readonly #parts: Parts;
  readonly #book: Book;
  /** what the journal does not have yet */
  #untold: JournalEvent[] = [];
  /** since the store was told */
  #changes = 0;
  /** what of it the store is being told */
  #telling: { readonly untold: readonly JournalEvent[]; readonly count: number } | undefined;
  #usedAt = performance.now();

  constructor(parts: Parts, book: OpenBook) {
    this.userId = parts.userId;
    this.#parts = parts;
    this.#book = new Book(book);
  }

  /** The store does not have all of it. */
  get isChanged(): boolean {
    return this.#changes > 0;
  }

  /** Nothing is open, and nothing was done for some time. */
  isUnused(milliseconds: number, now = performance.now()): boolean {
    return !this.#book.hasOpenFiles && now - this.#usedAt > milliseconds;
  }

  /** @param all with the files that can't change in this process */
  toFold(all: boolean): Fold {
    const { userId } = this;
    const changes = this.#changes;
    this.#telling = { untold: this.#untold, count: this.#untold.length };
    return { userId, changes, ...this.#book.usage(), rows: this.#book.rows(all) };
  }

  /** The store was told: in this turn, or before what was done while its answer was in doubt. */
  folded({ changes }: Fold): void {
    this.#changes -= changes;
    const { untold, count = 0 } = this.#telling ?? {};
    if (untold === this.#untold) this.#untold = this.#untold.slice(count);
  }

  async usage(): Promise<Usage> {
    return this.#book.usage();
  }

  async open(
    _userId: number,
    path: Buffer,
    inspect: () => Inspected,
    writes: boolean,
  ): Promise<OpenedRow> {
    const { inode, size } = inspect();
    if (writes) this.#mayChange(inode, path, size);
    return this.#opened(inode, path.toString("latin1"), size, writes);
  }

  #mayChange(inode: string, path: Buffer, size: number): void {
    if (this.#book.isTracked(inode)) return;
    const charged = this.#book.charged(inode) ?? size;
    this.#record({ kind: "opened", inode, path: path.toString("latin1"), charged });
    this.#changes += 1;
  }

  #opened(inode: string, path: string, charged: number, tracked: boolean): OpenedRow {
    this.#usedAt = performance.now();
    const row = this.#parts.nextRow();
    this.#book.open(inode, path, row, charged, tracked);
    return { userId: this.userId, inode, row, charged };
  }

  async create(
    _userId: number,
    path: Buffer,
    ahead: number,
    perform: () => Inspected | undefined,
    inside?: string,
    vacant?: () => void,
  ): Promise<{ readonly opened: OpenedRow | undefined } | undefined> {
    if (this.#book.isFull) return undefined;
    vacant?.();
    const name = path.toString("latin1");
    const intent: IntentEvent = { kind: "create", path: name, inside, file: ahead > 0 };
    const made = this.#carryOut(intent, perform);
    this.#untold.push({ kind: "done", ...(made === undefined ? {} : { inode: made.inode }) });
    carriedOut(this.#book, intent, {});
    if (made === undefined) return { opened: undefined };
    return { opened: this.#opened(made.inode, name, 0, true) };
  }

  async grow(
    { inode, row }: JournalKey,
    end: number,
    _ahead: number,
    booked: (charged: number) => void,
  ): Promise<Usage | "frozen" | undefined> {
    return this.growNow(inode, row, end, booked);
  }

  /** Like `grow`, which is decided at once here. */
  growNow(
    inode: string,
    row: number,
    end: number,
    booked: (charged: number) => void,
  ): Usage | "frozen" | undefined {
    const answer = this.#book.grow(inode, row, end);
    if (typeof answer !== "number") return answer;
    this.#changes += 1;
    booked(answer);
    return undefined;
  }

  async trim(
    { inode, row }: JournalKey,
    need: () => number,
    booked: (charged: number) => void,
  ): Promise<void> {
    const needed = need();
    this.#book.trim(inode, row, needed);
    this.#changes += 1;
    booked(needed);
  }

  async freeze({ inode, row }: JournalKey, size: number): Promise<boolean> {
    return this.#book.freeze(inode, row, size);
  }

  async thaw({ inode, row }: JournalKey): Promise<void> {
    this.#book.thaw(inode, row);
  }

  async slackHere(): Promise<number[]> {
    return this.#book.slack();
  }

  async held(): Promise<Map<string, number>> {
    return this.#book.held();
  }

  async settle({ inode, row }: JournalKey, inspect: () => FileState): Promise<void> {
    const state = inspect();
    const tracked = this.#book.isTracked(inode);
    const bytes = this.#book.close(inode, row, state);
    this.#usedAt = performance.now();
    if (tracked || bytes !== 0) this.#changes += 1;
    // The store may have been told of a removed file, too; and its inode may be used again.
    const isKnown = tracked || !state.linked;
    if (isKnown && this.#book.charged(inode) === undefined) {
      this.#untold.push({ kind: "closed", inode, ...state });
    } else if (!tracked && state.linked && bytes !== 0) {
      this.#untold.push({ kind: "corrected", bytes });
    }
  }

  async remove(
    _userId: number,
    path: Buffer,
    inspect: (book: BookView) => Inspected,
    perform: () => Removed | undefined,
    inside?: string,
  ): Promise<void> {
    const victim = inspect(this.#book);
    this.#change({ kind: "remove", path: path.toString("latin1"), inside, victim }, perform);
  }

  async rename(
    _userId: number,
    source: Buffer,
    target: Buffer,
    moved: string,
    inspect: (book: BookView) => Inspected | undefined,
    perform: () => Removed | undefined,
    keptAs?: Buffer,
  ): Promise<void> {
    const [path, from] = [target.toString("latin1"), source.toString("latin1")];
    const victim = inspect(this.#book);
    const kept = keptAs === undefined ? {} : { kept: keptAs.toString("latin1") };
    this.#change({ kind: "rename", path, from, moved, victim, ...kept }, perform);
  }

  #change(intent: IntentEvent, perform: () => Removed | undefined): void {
    const removed = this.#carryOut(intent, perform);
    this.#untold.push({ kind: "done", removed });
    carriedOut(this.#book, intent, { removed });
  }

  /** Writes the intent down, and carries it out. */
  #carryOut<T>(intent: IntentEvent, perform: () => T): T {
    this.#usedAt = performance.now();
    this.#record(intent);
    this.#changes += 1;
    try {
      return perform();
    } catch (thrown) {
      this.#failed();
      throw thrown;
    }
  }

  /** At once: the disk may look as if it had been done, by somebody else. */
  #failed(): void {
    try {
      this.#record({ kind: "failed" });
    } catch {
      this.#untold.push({ kind: "failed" });
    }
  }

  #record(event: JournalEvent): void {
    this.#parts.append(this.userId, [...this.#untold, event]);
    this.#untold = [];
  }
}
