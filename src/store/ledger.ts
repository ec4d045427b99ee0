import { dirname } from "node:path";
import type { FileState, Inspected, Removed, Usage, Witness } from "../vfs/books.ts";
import { requireHomes } from "./belongings.ts";
import type { Connection } from "./database.ts";
import { Deed, Intents } from "./intents.ts";
import { type LedgerStatements, prepareLedger, range } from "./ledger-statements.ts";
import type {
  Holders,
  Intent,
  JournalKey,
  JournalRow,
  MovingRow,
  OpenedRow,
} from "./ledger-types.ts";
import { freeBytes, slackFor } from "./slack.ts";
import type { Writes } from "./writes.ts";

export type { JournalKey, JournalRow, OpenedRow };
export type Denial = Usage | "frozen"; // why a file may not grow

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
  #rows = 0;

  constructor(connection: Connection, writes: Writes, nodeId: string) {
    const directory = dirname(connection.name);
    this.#writes = writes;
    this.node = nodeId;
    this.root = dirname(directory);
    this.#sql = prepareLedger(connection);
    this.#intents = new Intents(directory, nodeId, this.#sql, (intent) => this.#bookLate(intent));
  }

  /** To be called before the node's row goes. Rejects when there is something it can't book. */
  async close(): Promise<void> {
    await this.#bookOwn();
    this.#intents.close();
  }

  /** Says who looks whether another process died between doing a thing and booking it. */
  setWitness(witness: Witness): void {
    this.#intents.setWitness(witness);
  }

  /** @throws InstanceError when the homes these books are of are not there */
  requireHomes(): void {
    requireHomes(this.root);
  }

  async usage(userId: number): Promise<Usage> {
    return this.#usage(userId);
  }

  /** Journals an existing file that is about to be opened; `inspect` says what it is. */
  async open(userId: number, path: Buffer, inspect: () => Inspected): Promise<OpenedRow> {
    return this.#writes.run(() => {
      const { inode, size } = inspect();
      return this.#addRow(userId, path, inode, size, 0);
    });
  }

  /**
   * Makes a directory entry, and counts it. When `perform` returns a file it is journaled as open
   * and, far from the limit, charged `ahead` bytes at once. Rejects with whatever `perform` throws.
   * @returns undefined when the user's limit of entries is reached
   */
  async create(
    userId: number,
    path: Buffer,
    ahead: number,
    perform: () => Inspected | undefined,
    inside?: string,
  ): Promise<{ readonly opened: OpenedRow | undefined } | undefined> {
    const making = new Deed(perform);
    return this.#changing(making, () => {
      const usage = this.#usage(userId);
      const full = usage.quotaFiles !== null && usage.usedFiles >= usage.quotaFiles;
      if (full && !making.isDone) return undefined;
      const made = this.#intents.carryOut(
        { kind: "create", userId, path, inside } as const,
        making,
      );
      const slack = made === undefined ? 0 : Math.min(ahead, slackFor(freeBytes(usage)));
      this.#sql.add.run({ userId, bytes: slack, files: 1 });
      if (made === undefined) return { opened: undefined };
      return { opened: this.#addRow(userId, path, made.inode, made.size, slack) };
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
    const answer = await this.#writes.run(() => this.#grow(holder, end, slack), { booked: told });
    return typeof answer === "number" ? undefined : answer;
  }

  /** @returns what the holder is charged now, or why it isn't granted */
  #grow(holder: JournalKey, end: number, slack: number): Denial | number {
    const { userId } = holder;
    const holders = this.#holders(holder);
    const current = holders.most ?? 0;
    const usage = this.#usage(userId);
    const growth = Math.max(0, end - current);
    if (growth > 0 && holders.frozen === 1) return "frozen";
    if (growth > 0 && growth > freeBytes(usage)) return usage;
    const ahead = growth > 0 ? Math.min(slack, slackFor(freeBytes(usage) - growth)) : 0;
    const charged = Math.max(current, end) + ahead;
    if (charged > current) this.#addBytes(userId, charged - current);
    this.#sql.charge.run({ ...this.#key(holder), charged, slack: charged > end ? 1 : 0 });
    return charged;
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
      const { most, others } = this.#holders(holder);
      const needed = need();
      this.#sql.charge.run({ ...this.#key(holder), charged: needed, slack: 0 });
      this.#addBytes(userId, Math.max(others ?? 0, needed) - (most ?? 0));
      if ((others ?? 0) > needed) this.#sql.markSlack.run({ userId, inode, charged: needed });
      return needed;
    };
    await this.#writes.run(trim, { booked });
  }

  /**
   * Keeps a file from growing beyond `size` in any process until {@link thaw}.
   * @returns false when some holder is charged for more already
   */
  async freeze(holder: JournalKey, size: number): Promise<boolean> {
    return this.#writes.run(() => {
      if ((this.#holders(holder).most ?? 0) > size) return false;
      this.#sql.freeze.run({ ...this.#key(holder), frozen: 1 });
      return true;
    });
  }

  async thaw(holder: JournalKey): Promise<void> {
    await this.#writes.run(() => this.#sql.freeze.run({ ...this.#key(holder), frozen: 0 }));
  }

  /** The rows of this process that are charged ahead of need. */
  async slackHere(userId: number): Promise<number[]> {
    const rows = this.#sql.slackHere.all({ userId, node: this.node });
    return (rows as { number: number }[]).map((row) => row.number);
  }

  /** Asks the other processes to give back what they hold charged ahead of need for this user. */
  async askForSlack(userId: number): Promise<void> {
    await this.#writes.run(() => this.#sql.askForSlack.run({ userId, at: Date.now() }));
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
    await this.#writes.run(() => {
      const { userId, inode, row } = key;
      const { size, linked } = inspect();
      // A removal that a dead process did not book is booked while this row keeps the bytes charged.
      if (!linked) this.#intents.resolveAll();
      const { count, most, others } = this.#holders(key, node);
      if (this.#sql.dropRow.run({ userId, inode, row, node }).changes === 0) return;
      let after = linked || count > 1 ? size : 0;
      if (count > 1) {
        after = Math.max(after, others ?? 0);
        this.#sql.raiseOthers.run({ userId, inode, charged: size });
      }
      this.#addBytes(userId, after - (most ?? 0));
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
    inspect: () => Inspected,
    perform: () => Removed | undefined,
    inside?: string,
  ): Promise<void> {
    const removal = new Deed(perform);
    let victim: Inspected | undefined;
    await this.#changing(removal, () => {
      victim ??= inspect();
      const intent = { kind: "remove", userId, path, inside, victim } as const;
      this.#removed(userId, this.#intents.carryOut(intent, removal));
    });
  }

  /**
   * Renames the inode `moved`: the journal follows.
   * @param inspect says what stands at `path` and will be replaced, undefined: nothing; or throws
   * @param perform renames and says what became of what stood there
   */
  async rename(
    userId: number,
    from: Buffer,
    path: Buffer,
    moved: string,
    inspect: () => Inspected | undefined,
    perform: () => Removed | undefined,
  ): Promise<void> {
    const renaming = new Deed(perform);
    let found: { readonly victim: Inspected | undefined } | undefined;
    await this.#changing(renaming, () => {
      found ??= { victim: inspect() };
      const { victim } = found;
      const moving = this.#sql.rowsBelow.all(range(userId, from)) as MovingRow[];
      this.#sql.touch.run({ userId });
      if (victim === undefined && moving.length === 0) {
        renaming.run();
        return;
      }
      const replaces = victim === undefined ? {} : { victim };
      const intent = { kind: "rename", userId, path, from, moved, ...replaces } as const;
      const removed = this.#intents.carryOut(intent, renaming);
      this.#follow(userId, moving, from, path);
      if (victim !== undefined) this.#removed(userId, removed);
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
    await this.#writes.run(() => this.#intents.resolve(node, witness));
    this.#intents.drop(node);
  }

  /** What each open file of the user is charged, by inode. */
  async held(userId: number): Promise<Map<string, number>> {
    const rows = this.#sql.heldByUser.all({ userId }) as { inode: string; most: number }[];
    return new Map(rows.map(({ inode, most }) => [inode, most]));
  }

  /** Sets what a rescan found, if nothing was booked since `mark` was taken. */
  async correct(userId: number, mark: string, bytes: number, files: number): Promise<boolean> {
    return this.#writes.run(() => {
      // What a process that died has done and not booked was counted on the disk already.
      this.#intents.resolveAll();
      if (this.#mark(userId) !== mark) return false;
      this.#sql.setUsage.run({ userId, bytes, files });
      return true;
    });
  }

  /** Changes whenever anything is booked for the user, or renamed. */
  async mark(userId: number): Promise<string> {
    return this.#mark(userId);
  }

  #mark(userId: number): string {
    return JSON.stringify(this.#sql.mark.get({ userId }) ?? null);
  }

  #usage(userId: number): Usage {
    const found = this.#sql.usage.get({ userId }) as Usage | undefined;
    return found ?? { usedBytes: 0, usedFiles: 0, quotaBytes: 0, quotaFiles: 0 };
  }

  #key({ userId, inode, row }: JournalKey) {
    return { userId, inode, row, node: this.node };
  }

  #holders({ userId, inode, row }: JournalKey, node = this.node): Holders {
    return this.#sql.holders.get({ userId, inode, row, node }) as Holders;
  }

  #addBytes(userId: number, bytes: number): void {
    if (bytes !== 0) this.#sql.add.run({ userId, bytes, files: 0 });
  }

  /** @param slack bytes charged beyond the file's size */
  #addRow(userId: number, path: Buffer, inode: string, size: number, slack: number): OpenedRow {
    this.#rows += 1;
    const key = { userId, inode, row: this.#rows };
    const charged = size + slack;
    this.#sql.addRow.run({ ...this.#key(key), path, charged, slack: slack > 0 ? 1 : 0 });
    return { ...key, charged };
  }

  /** A name went away. If it was the last one, an open file stays charged until it is closed. */
  #removed(userId: number, removed: Removed | undefined): void {
    let bytes = 0;
    if (removed?.last) {
      const { inode, size } = removed;
      const held = this.#sql.markUnlinked.run({ userId, inode }).changes > 0;
      if (!held) bytes = -size;
    }
    this.#sql.add.run({ userId, bytes, files: -1 });
  }

  #follow(userId: number, moving: readonly MovingRow[], from: Buffer, to: Buffer): void {
    for (const { inode, node, row, path } of moving) {
      const moved = Buffer.concat([to, path.subarray(from.length)]);
      this.#sql.move.run({ userId, inode, node, row, path: moved });
    }
  }

  /**
   * Runs what changes directory entries, once nothing that was done is left unbooked. What others
   * left is booked in a transaction of its own: after a crash between the two the disk shows this
   * change only.
   */
  async #changing<T>(deed: Deed<unknown>, act: () => T): Promise<T> {
    const run = (): { readonly done: T } | undefined => {
      if (this.#intents.hasUnbooked(deed)) throw new Unbooked();
      return this.#intents.resolveAll(deed) ? undefined : { done: act() };
    };
    const booked = (result: unknown): void => void (result && this.#intents.booked());
    for (;;) {
      await this.#bookOwn(deed);
      try {
        const result = await this.#writes.run(run, { booked });
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
    if (!this.#intents.hasUnbooked(deed)) return;
    const booked = (): void => this.#intents.booked();
    await this.#writes.run(() => this.#intents.resolveAll(), { booked });
  }

  #bookLate(intent: Intent): void {
    const { userId, kind, victim, from, path } = intent;
    if (kind === "create") this.#sql.add.run({ userId, bytes: 0, files: 1 });
    if (from !== undefined) {
      const moving = this.#sql.rowsBelow.all(range(userId, from)) as MovingRow[];
      this.#follow(userId, moving, from, path);
    }
    if (victim !== undefined) this.#removed(userId, { ...victim, last: victim.size > 0 });
  }
}
