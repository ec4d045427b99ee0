import { dirname } from "node:path";
import type { BookView, FileState, Inspected, Removed, Usage, Witness } from "../vfs/books.ts";
import { requireHomes } from "./belongings.ts";
import type { Connection } from "./connection.ts";
import { Deed, Intents } from "./intents.ts";
import type { LeaseStore, OpenBook } from "./leases.ts";
import { type Denial, LedgerRows } from "./ledger-rows.ts";
import { type LedgerStatements, prepareLedger } from "./ledger-statements.ts";
import type { Counted, JournalKey, JournalRow, OpenedRow } from "./ledger-types.ts";
import { freeBytes, slackFor } from "./slack.ts";
import type { Store } from "./store.ts";
import type { WriteOptions, Writes } from "./writes.ts";

export type { Denial, JournalKey, JournalRow, OpenedRow };

/** What was done is not booked yet: that comes first. */
class Unbooked extends Error {}

/**
 * The quota's books. `users.used_bytes` is the sum over all files of what each is charged: its
 * size, or for an open one the most that any of its `open_files` rows is charged. Everything that
 * changes a user's files runs its system calls (`perform`, `inspect`: synchronous, must not touch
 * the store) inside the immediate transaction that books them, so that processes sharing the
 * database take turns; what a crash could leave half done is written down before (an intent, or
 * the file's row).
 */
export class LedgerStore {
  readonly #writes: Writes;
  /** this process, in `nodes` */
  readonly node: string;
  /** the instance whose database this is */
  readonly root: string;
  readonly #sql: LedgerStatements;
  readonly #intents: Intents;
  readonly #rows: LedgerRows;
  readonly #leases: LeaseStore;

  constructor(
    connection: Connection,
    writes: Writes,
    { leases, life }: Pick<Store, "leases" | "life">,
    nodeId: string,
  ) {
    this.#writes = writes;
    this.node = nodeId;
    this.root = dirname(connection.directory);
    this.#leases = leases;
    this.#sql = prepareLedger(connection);
    this.#rows = new LedgerRows(this.#sql, nodeId);
    const place = { directory: connection.directory, machine: life.options?.machine };
    this.#intents = new Intents(place, nodeId, this.#sql, (intent) => this.#rows.bookLate(intent));
  }

  /** To be called before the node's row goes. Rejects when there is something it can't book. */
  async close(): Promise<void> {
    await this.#bookOwn();
    this.#intents.close();
  }

  /** Books what was done when the database could not be written. Rejects when it still can't be. */
  async catchUp(): Promise<void> {
    await this.#bookOwn();
  }

  /** Others counted all that this process used. @returns the number of its last intent */
  beginAnew(): number {
    this.#intents.beginAnew();
    return this.#intents.last;
  }

  /** Says who looks whether another process died between doing a thing and booking it. */
  setWitness(witness: Witness): void {
    this.#intents.setWitness(witness);
  }

  /** @throws InstanceError when the homes these books are of are not there */
  requireHomes(): void {
    requireHomes(this.root);
  }

  /** What the store has; first it is told what is new. */
  async usage(userId: number): Promise<Usage> {
    await this.#leases.exact(userId);
    return this.#rows.usage(userId);
  }

  /**
   * Takes a home that no other process uses.
   * @param quietMs since another process needed it, in milliseconds
   * @param taken is told its book before any other transaction; undefined: others use it
   */
  async take(
    userId: number,
    quietMs: number,
    taken: (book: OpenBook | undefined) => void,
  ): Promise<void> {
    const first = (): void => void this.#intents.resolveAll(userId);
    await this.#leases.take(userId, quietMs, first, (book) => {
      this.#intents.booked(userId);
      taken(book);
    });
  }

  /** The number of a new row of this process. */
  nextRow(): number {
    return this.#rows.next();
  }

  /** @throws HeldHomeError (rejected) when the home's book is in a process's memory */
  #shared<T>(userId: number, act: () => T, options: WriteOptions<T> = {}): Promise<T> {
    const shared = (): T => {
      this.#leases.requireShared(userId);
      return act();
    };
    return this.#writes.run(shared, { ...options, lock: userId });
  }

  /** Journals an existing file that is about to be opened; `inspect` says what it is. */
  async open(userId: number, path: Buffer, inspect: () => Inspected): Promise<OpenedRow> {
    return this.#shared(userId, () => {
      const { inode, size } = inspect();
      return this.#rows.add(userId, path, inode, size, 0);
    });
  }

  /**
   * Makes a directory entry, and counts it. When `perform` returns a file it is journaled as open
   * and, far from the limit, charged `ahead` bytes at once. Rejects with whatever `perform` throws.
   * @param vacant throws when something stands there already
   * @returns undefined when the user's limit of entries is reached
   */
  async create(
    userId: number,
    path: Buffer,
    ahead: number,
    perform: () => Inspected | undefined,
    inside?: string,
    vacant?: () => void,
  ): Promise<{ readonly opened: OpenedRow | undefined } | undefined> {
    const making = new Deed(userId, perform);
    return this.#changing(userId, making, () => {
      const usage = this.#rows.usage(userId);
      const full = usage.quotaFiles !== null && usage.usedFiles >= usage.quotaFiles;
      if (full && !making.isDone) return undefined;
      if (!making.isDone) vacant?.();
      const made = this.#intents.carryOut(
        { kind: "create", userId, path, inside } as const,
        making,
      );
      const slack = made === undefined ? 0 : Math.min(ahead, slackFor(freeBytes(usage)));
      this.#sql.add.run({ userId, bytes: slack, files: 1 });
      if (made === undefined) return { opened: undefined };
      return { opened: this.#rows.add(userId, path, made.inode, made.size, slack) };
    });
  }

  /**
   * Charges the file for reaching `end` bytes, and ahead of need (at most `slack` bytes, and only
   * far from the limit). Costs nothing when another holder already charged for it.
   * @param booked is told what the holder is charged now, before any other transaction
   * @returns undefined when granted, "frozen" while the file is being copied, else the usage that
   * left no room
   */
  async grow(
    holder: JournalKey,
    end: number,
    slack: number,
    booked: (charged: number) => void,
  ): Promise<Denial | undefined> {
    const told = (answer: Denial | number): void => {
      if (typeof answer === "number") booked(answer);
    };
    const grow = (): Denial | number => this.#rows.grow(holder, end, slack);
    const answer = await this.#shared(holder.userId, grow, { booked: told });
    return typeof answer === "number" ? undefined : answer;
  }

  /**
   * Gives back what the holder was charged beyond its need.
   * @param need bytes it needs, asked with the lock held
   * @param booked is told what the holder is charged now, before any other transaction
   */
  async trim(
    holder: JournalKey,
    need: () => number,
    booked: (charged: number) => void,
  ): Promise<void> {
    const { userId, inode } = holder;
    const trim = (): number => {
      const { most, others } = this.#rows.holders(holder);
      const needed = need();
      this.#rows.charge(holder, needed, false);
      this.#rows.addBytes(userId, Math.max(others ?? 0, needed) - (most ?? 0));
      if ((others ?? 0) > needed) this.#sql.markSlack.run({ userId, inode, charged: needed });
      return needed;
    };
    await this.#shared(userId, trim, { booked });
  }

  /**
   * Keeps a file from growing beyond `size` in any process until {@link thaw}.
   * @returns false when some holder is charged for more already
   */
  async freeze(holder: JournalKey, size: number): Promise<boolean> {
    return this.#shared(holder.userId, () => {
      if ((this.#rows.holders(holder).most ?? 0) > size) return false;
      this.#sql.freeze.run({ ...this.#rows.key(holder), frozen: 1 });
      return true;
    });
  }

  async thaw(holder: JournalKey): Promise<void> {
    const thaw = (): unknown => this.#sql.freeze.run({ ...this.#rows.key(holder), frozen: 0 });
    await this.#shared(holder.userId, thaw);
  }

  /** The rows of this process that are charged ahead of need. */
  async slackHere(userId: number): Promise<number[]> {
    const rows = this.#sql.slackHere.all({ userId, node: this.node });
    return (rows as { number: number }[]).map((row) => row.number);
  }

  /** Asks the other processes to give back what they hold charged ahead of need for this user. */
  async askForSlack(userId: number): Promise<void> {
    await this.#leases.ask("squeeze", userId);
  }

  /** How many rows of other processes hold charge ahead of need for this user. */
  async slackElsewhere(userId: number): Promise<number> {
    const found = this.#sql.slackElsewhere.get({ userId, node: this.node });
    return (found as { count: number }).count;
  }

  /**
   * Ends a row: the file is charged what it really is, or nothing when its last name is gone.
   * @param node whose row it is; without it, this process's
   */
  async settle(key: JournalKey, inspect: () => FileState, node = this.node): Promise<void> {
    const { userId, inode, row } = key;
    await this.#shared(userId, () => {
      const { size, linked } = inspect();
      // A removal that a dead process did not book is booked while this row keeps the bytes charged.
      if (!linked) this.#intents.resolveAll(userId);
      const { count, most, others } = this.#rows.holders(key, node);
      if (this.#sql.dropRow.run({ userId, inode, row, node }).changes === 0) return;
      let after = linked || count > 1 ? size : 0;
      if (count > 1) {
        after = Math.max(after, others ?? 0);
        this.#sql.raiseOthers.run({ userId, inode, charged: size });
      }
      this.#rows.addBytes(userId, after - (most ?? 0));
    });
  }

  /**
   * Removes a directory entry.
   * @param inspect says what stands there and what removing it frees, or throws
   * @param perform removes it and says what that freed, undefined: no file
   */
  async remove(
    userId: number,
    path: Buffer,
    inspect: (book: BookView) => Inspected,
    perform: () => Removed | undefined,
    inside?: string,
  ): Promise<void> {
    const removal = new Deed(userId, perform);
    let victim: Inspected | undefined;
    await this.#changing(userId, removal, () => {
      victim ??= inspect(this.#rows.view(userId));
      const intent = { kind: "remove", userId, path, inside, victim } as const;
      this.#rows.removed(userId, this.#intents.carryOut(intent, removal));
    });
  }

  /**
   * Renames the inode `moved`: the journal follows.
   * @param inspect says what stands at `path` and will be replaced, undefined: nothing; or throws
   * @param perform renames and says what became of what stood there
   * @param kept the name that what stands at `path` gets, and then is not replaced
   */
  async rename(
    userId: number,
    from: Buffer,
    path: Buffer,
    moved: string,
    inspect: (book: BookView) => Inspected | undefined,
    perform: () => Removed | undefined,
    kept?: Buffer,
  ): Promise<void> {
    const renaming = new Deed(userId, perform);
    let found: { readonly victim: Inspected | undefined } | undefined;
    await this.#changing(userId, renaming, () => {
      found ??= { victim: inspect(this.#rows.view(userId)) };
      const { victim } = found;
      const moving = this.#rows.below(userId, from);
      this.#sql.touch.run({ userId });
      const isPlain = victim === undefined && kept === undefined && moving.length === 0;
      if (isPlain) return void renaming.run();
      const left = { ...(victim && { victim }), ...(kept && { kept }) };
      const intent = { kind: "rename", userId, path, from, moved, ...left } as const;
      const removed = this.#intents.carryOut(intent, renaming);
      this.#rows.moved(userId, moving, { from, path, kept });
      if (victim !== undefined) this.#rows.removed(userId, removed);
    });
  }

  /** The files a process had open; for recovery when it is dead. */
  async journalOf(node: string): Promise<JournalRow[]> {
    const rows = this.#sql.journal.all({ node }) as (Omit<JournalRow, "unlinked"> & {
      unlinked: number;
    })[];
    return rows.map((row) => ({ ...row, unlinked: row.unlinked === 1 }));
  }

  /**
   * Books the last intent of a dead process, if that died before booking it. The witness looks
   * whether it was carried out.
   */
  async resolveIntent(node: string, witness: Witness): Promise<void> {
    const lock = this.#intents.homeOf(node);
    const settle = (home: number): void => this.#intents.resolve(node, home, witness);
    if (lock !== undefined) await this.#writes.run(() => settle(lock), { lock });
    this.dropIntent(node);
  }

  /** Of a process that is gone, once it is booked or what it was about was counted. */
  dropIntent(node: string): void {
    this.#intents.drop(node);
  }

  /** The name of a home's directory; undefined: there is none of that number. */
  async homeName(userId: number): Promise<string | undefined> {
    return (this.#sql.userName.get({ userId }) as { name: string } | undefined)?.name;
  }

  /** What each open file of the user is charged, by inode. */
  async held(userId: number): Promise<Map<string, number>> {
    const rows = this.#sql.heldByUser.all({ userId }) as { inode: string; most: number }[];
    return new Map(rows.map(({ inode, most }) => [inode, most]));
  }

  /** Sets what a rescan found, if nothing was booked since `mark` was taken. */
  async correct(userId: number, mark: string, { bytes, files, grown }: Counted): Promise<boolean> {
    return this.#leases.whileShared(userId, () => {
      // What a process that died has done and not booked was counted on the disk already.
      this.#intents.resolveAll(userId);
      if (this.#rows.mark(userId) !== mark) return false;
      this.#sql.setUsage.run({ userId, bytes, files });
      for (const [inode, charged] of grown) this.#sql.raiseOthers.run({ userId, inode, charged });
      return true;
    });
  }

  /** Changes whenever anything is booked for the user, or renamed. */
  async mark(userId: number): Promise<string> {
    return this.#rows.mark(userId);
  }

  /**
   * Runs what changes directory entries, once nothing that was done is left unbooked. What others
   * left is booked in a transaction of its own: after a crash between the two the disk shows this
   * change only.
   */
  async #changing<T>(userId: number, deed: Deed<unknown>, act: () => T): Promise<T> {
    const run = (): { readonly done: T } | undefined => {
      this.#leases.requireShared(userId);
      if (this.#intents.hasUnbooked(deed)) throw new Unbooked();
      this.#intents.requireUnbooked(deed);
      return this.#intents.resolveAll(userId, deed) ? undefined : { done: act() };
    };
    const booked = (result: unknown): void => void (result && this.#intents.booked(userId));
    for (;;) {
      await this.#bookOwn(deed);
      try {
        const result = await this.#writes.run(run, { booked, lock: userId });
        if (result !== undefined) return result.done;
      } catch (thrown) {
        if (!(thrown instanceof Unbooked)) throw thrown;
      }
    }
  }

  /**
   * In a transaction of its own: the slot must not be written again before that is through.
   * @param deed the one that is booked by its own transaction
   */
  async #bookOwn(deed?: Deed<unknown>): Promise<void> {
    const lock = this.#intents.unbookedHome;
    if (lock === undefined || !this.#intents.hasUnbooked(deed)) return;
    const act = (): boolean => this.#intents.resolveAll(lock);
    const booked = (): void => this.#intents.booked(lock);
    // Another machine may hold the home by now, and would write over what is added to its book.
    if (this.#intents.isAlone) await this.#writes.run(act, { booked, lock });
    else await this.#leases.whileShared(lock, act).then(booked);
  }
}
