import { dirname } from "node:path";
import type { Connection } from "./database.ts";
import { dropIntent, IntentSlot, intentNumber, readIntent } from "./intent-slot.ts";
import { type LedgerStatements, prepareLedger, range } from "./ledger-statements.ts";
import type {
  Charge,
  Holders,
  Inspected,
  Intent,
  JournalKey,
  JournalRow,
  MovingRow,
  OpenedRow,
  Outcome,
  Removed,
  Usage,
} from "./ledger-types.ts";
import { freeBytes, slackFor } from "./slack.ts";

export type { Charge, Inspected, Intent, JournalRow, OpenedRow, Outcome, Removed, Usage };

/** Looks whether an intent was carried out. */
export type Witness = (intent: Intent, userName: string) => boolean;

/**
 * The quota's books. `users.used_bytes` is the sum over all files of what each is charged: its
 * size, or for an open one the most that any of its `open_files` rows is charged. Everything that
 * changes a user's files runs its system calls (`perform`, `inspect`: synchronous, must not touch
 * the store) inside the immediate transaction that books them, so that processes sharing the
 * database take turns; what a crash could leave half done is written down before (an intent, or
 * the file's row).
 */
export class LedgerStore {
  readonly #connection: Connection;
  /** this process, in `nodes` */
  readonly node: string;
  readonly #directory: string;
  readonly #slot: IntentSlot;
  readonly #sql: LedgerStatements;
  #rows = 0;
  #intents = 0;
  /** the last intent was carried out, but the transaction that books it is not through */
  #unbooked = false;
  #witness: Witness | undefined;

  constructor(connection: Connection, nodeId: string) {
    this.#connection = connection;
    this.node = nodeId;
    this.#directory = dirname(connection.name);
    this.#slot = new IntentSlot(this.#directory, nodeId);
    this.#sql = prepareLedger(connection);
  }

  /** To be called before the node's row goes. Throws when there is something it can't book. */
  close(): void {
    this.#bookOwn();
    this.#slot.close();
  }

  /** The instance whose database this is. */
  get root(): string {
    return dirname(this.#directory);
  }

  /** Says who looks whether another process died between doing a thing and booking it. */
  setWitness(witness: Witness): void {
    this.#witness = witness;
  }

  async usage(userId: number): Promise<Usage> {
    return this.#usage(userId);
  }

  /** Journals an existing file that is about to be opened; `inspect` says what it is. */
  async open(userId: number, path: Buffer, inspect: () => Inspected): Promise<OpenedRow> {
    return this.#immediate(() => {
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
    return this.#changing(() => {
      const usage = this.#usage(userId);
      if (usage.quotaFiles !== null && usage.usedFiles >= usage.quotaFiles) return undefined;
      const made = this.#intend({ kind: "create", userId, path, inside }, perform);
      const slack = made === undefined ? 0 : Math.min(ahead, slackFor(freeBytes(usage)));
      this.#sql.add.run({ userId, bytes: slack, files: 1 });
      if (made === undefined) return { opened: undefined };
      return { opened: this.#addRow(userId, path, made.inode, made.size, slack) };
    });
  }

  /**
   * Charges the file for reaching `end` bytes, and ahead of need (at most `slack` bytes, and only
   * far from the limit). Costs nothing when another holder already charged for it.
   * @returns undefined when granted, "frozen" while the file is being copied, else the usage that
   * left no room
   */
  async grow(holder: Charge, end: number, slack: number): Promise<Usage | "frozen" | undefined> {
    const { userId } = holder;
    return this.#immediate(() => {
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
      holder.charged = charged;
      holder.grant(end);
      return undefined;
    });
  }

  /** Gives back what the holder was charged beyond its need. */
  async trim(holder: Charge): Promise<void> {
    const { userId, inode } = holder;
    this.#immediate(() => {
      const { most, others } = this.#holders(holder);
      const needed = holder.needed();
      this.#sql.charge.run({ ...this.#key(holder), charged: needed, slack: 0 });
      this.#addBytes(userId, Math.max(others ?? 0, needed) - (most ?? 0));
      if ((others ?? 0) > needed) this.#sql.markSlack.run({ userId, inode, charged: needed });
      holder.charged = needed;
    });
  }

  /**
   * Keeps a file from growing beyond `size` in any process until {@link thaw}.
   * @returns false when some holder is charged for more already
   */
  async freeze(holder: Charge, size: number): Promise<boolean> {
    return this.#immediate(() => {
      if ((this.#holders(holder).most ?? 0) > size) return false;
      this.#sql.freeze.run({ ...this.#key(holder), frozen: 1 });
      return true;
    });
  }

  async thaw(holder: Charge): Promise<void> {
    this.#sql.freeze.run({ ...this.#key(holder), frozen: 0 });
  }

  /** The rows of this process that are charged ahead of need. */
  async slackHere(userId: number): Promise<number[]> {
    const rows = this.#sql.slackHere.all({ userId, node: this.node });
    return (rows as { number: number }[]).map((row) => row.number);
  }

  /** Asks the other processes to give back what they hold charged ahead of need for this user. */
  async askForSlack(userId: number): Promise<void> {
    this.#sql.askForSlack.run({ userId, at: Date.now() });
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
  async settle(key: JournalKey, inspect: () => Outcome, node = this.node): Promise<void> {
    this.#immediate(() => {
      const { userId, inode, row } = key;
      const { count, most, others } = this.#holders(key, node);
      if (this.#sql.dropRow.run({ userId, inode, row, node }).changes === 0) return;
      const { size, linked } = inspect();
      let after = linked || count > 1 ? size : 0;
      if (count > 1) {
        after = Math.max(after, others ?? 0);
        this.#sql.raiseOthers.run({ userId, inode, charged: size });
      }
      this.#addBytes(userId, after - (most ?? 0));
    });
  }

  /** Removes a directory entry. `perform` does it and says what that freed, undefined: no file. */
  async remove(
    userId: number,
    path: Buffer,
    victim: Inspected,
    perform: () => Removed | undefined,
    inside?: string,
  ): Promise<void> {
    const intent = { kind: "remove", userId, path, inside, victim } as const;
    this.#changing(() => this.#removed(userId, this.#intend(intent, perform)));
  }

  /**
   * Renames the inode `moved`: the journal follows. `victim` is what stands at `path` and will be
   * replaced; `perform` renames and says what became of the victim.
   */
  async rename(
    userId: number,
    from: Buffer,
    path: Buffer,
    moved: string,
    victim: Inspected | undefined,
    perform: () => Removed | undefined,
  ): Promise<void> {
    this.#changing(() => {
      const moving = this.#sql.rowsBelow.all(range(userId, from)) as MovingRow[];
      if (victim === undefined && moving.length === 0) {
        perform();
        return;
      }
      const replaces = victim === undefined ? {} : { victim };
      const intent = { kind: "rename", userId, path, from, moved, ...replaces } as const;
      const removed = this.#intend(intent, perform);
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
   * Books the last intent of a dead process, if that died before booking it. `happened` looks
   * whether it was carried out.
   */
  async resolveIntent(node: string, happened: Witness): Promise<void> {
    this.#immediate(() => {
      const found = this.#sql.lastBooked.get({ node }) as { intent: number } | undefined;
      if (found !== undefined) this.#resolve(node, found.intent, happened);
    });
    dropIntent(this.#directory, node);
  }

  /** What each open file of the user is charged, by inode. */
  async held(userId: number): Promise<Map<string, number>> {
    const rows = this.#sql.heldByUser.all({ userId }) as { inode: string; most: number }[];
    return new Map(rows.map(({ inode, most }) => [inode, most]));
  }

  /** Sets what a rescan found, if nothing was booked since `mark` was taken. */
  async correct(userId: number, mark: string, bytes: number, files: number): Promise<boolean> {
    return this.#immediate(() => {
      if (this.#mark(userId) !== mark) return false;
      this.#sql.setUsage.run({ userId, bytes, files });
      return true;
    });
  }

  /** Changes whenever anything is booked for the user. */
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

  /** Writes the intent down, performs it, and marks it as booked by this transaction. */
  #intend<T>(intent: Omit<Intent, "number">, perform: () => T): T {
    this.#intents += 1;
    const number = this.#intents;
    this.#slot.write({ ...intent, number });
    let result: T;
    try {
      result = perform();
    } catch (thrown) {
      this.#slot.clear();
      throw thrown;
    }
    // Done: if this transaction fails (the disk may be full) the slot still says so.
    this.#unbooked = true;
    this.#sql.booked.run({ node: this.node, number });
    return result;
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

  /** Runs what changes directory entries, once nothing that was done is left unbooked. */
  #changing<T>(act: () => T): T {
    this.#bookOwn();
    const result = this.#immediate(() => {
      this.#resolveUnbooked();
      return act();
    });
    this.#unbooked = false;
    return result;
  }

  /** In a transaction of its own: the slot must not be written again before that is through. */
  #bookOwn(): void {
    if (this.#unbooked) this.#immediate(() => this.#resolveUnbooked());
    this.#unbooked = false;
  }

  /**
   * With the write lock held nobody is between an intent and its booking: one that is not booked
   * is of a process that died there, or could not book. It counts before its file is touched again.
   */
  #resolveUnbooked(): void {
    const witness = this.#witness;
    if (witness === undefined) return;
    const nodes = this.#sql.nodes.all() as { id: string; intent: number }[];
    for (const { id, intent } of nodes) {
      const last = id === this.node ? this.#intents : intentNumber(this.#directory, id);
      if (last > intent) this.#resolve(id, intent, witness);
    }
  }

  #resolve(node: string, booked: number, happened: Witness): void {
    const intent = readIntent(this.#directory, node);
    if (intent === undefined || intent.number <= booked) return;
    const user = this.#sql.userName.get({ userId: intent.userId }) as { name: string } | undefined;
    if (user !== undefined && happened(intent, user.name)) this.#bookLate(intent);
    this.#sql.booked.run({ node, number: intent.number });
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

  #immediate<T>(act: () => T): T {
    this.#sql.begin.run();
    try {
      const result = act();
      this.#sql.commit.run();
      return result;
    } catch (thrown) {
      if (this.#connection.inTransaction) this.#sql.rollback.run();
      throw thrown;
    }
  }
}
