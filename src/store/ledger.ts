import type { Connection } from "./database.ts";
import { type LedgerStatements, prepareLedger, range } from "./ledger-statements.ts";
import type {
  Charge,
  Inspected,
  Intent,
  JournalRow,
  OpenedRow,
  Outcome,
  Removed,
  Usage,
} from "./ledger-types.ts";

export type { Charge, Inspected, Intent, JournalRow, OpenedRow, Outcome, Removed, Usage };

const SMALLEST_SLACK = 1024 * 1024;
const LARGEST_SLACK = 64 * 1024 * 1024;

interface HolderRow {
  readonly most: number | null;
  readonly count: number;
  readonly frozen: number | null;
}

/**
 * The quota's books. `users.used_bytes` is the sum over all files of what each is charged: its
 * size, or for an open one the most that any of its `open_files` rows is charged. Everything that
 * changes a user's files runs its system calls (`perform`, `inspect`: synchronous, must not touch
 * the store) inside the immediate transaction that books them, so that processes sharing the
 * database take turns; what a crash could leave half done is written down (an intent, a row) and
 * committed first.
 */
export class LedgerStore {
  readonly #connection: Connection;
  readonly #nodeId: string;
  readonly #sql: LedgerStatements;

  constructor(connection: Connection, nodeId: string) {
    this.#connection = connection;
    this.#nodeId = nodeId;
    this.#sql = prepareLedger(connection);
  }

  async usage(userId: number): Promise<Usage> {
    return this.#usage(userId);
  }

  /** Journals an existing file that is about to be opened; `inspect` says what it is. */
  async open(userId: number, path: Buffer, inspect: () => Inspected): Promise<OpenedRow> {
    return this.#immediate(() => {
      const { inode, size } = inspect();
      return this.#insertRow(userId, path, inode, size);
    });
  }

  /**
   * Makes a directory entry: counts it first, then `perform`s. When that returns a file it is
   * journaled as open and, far from the limit, charged `ahead` bytes at once.
   * Rejects with whatever `perform` throws.
   * @returns undefined when the user's limit of entries is reached
   */
  async create(
    userId: number,
    path: Buffer,
    ahead: number,
    perform: () => Inspected | undefined,
  ): Promise<{ readonly opened: OpenedRow | undefined } | undefined> {
    const intent = this.#immediate(() => {
      if (this.#sql.addFile.run({ userId }).changes === 0) return undefined;
      return this.#addIntent(userId, "create", path, null, null, 0);
    });
    if (intent === undefined) return undefined;
    try {
      return this.#immediate(() => {
        const made = perform();
        this.#sql.dropIntent.run({ id: intent });
        if (made === undefined) return { opened: undefined };
        const opened = this.#insertRow(userId, path, made.inode, made.size);
        return { opened: this.#chargeAhead(userId, opened, ahead) };
      });
    } catch (thrown) {
      this.#immediate(() => this.#undoCreate(intent, userId));
      throw thrown;
    }
  }

  /**
   * Charges the file for reaching `end` bytes, and ahead of need (at most `slack` bytes, and only
   * far from the limit). Costs nothing when another holder already charged for it.
   * @returns undefined when granted, "frozen" while the file is being copied, else the usage that
   * left no room
   */
  async grow(holder: Charge, end: number, slack: number): Promise<Usage | "frozen" | undefined> {
    const { userId, inode, row } = holder;
    return this.#immediate(() => {
      const holders = this.#holders(userId, inode, -1);
      const current = holders.most ?? 0;
      const usage = this.#usage(userId);
      const growth = Math.max(0, end - current);
      if (growth > 0 && holders.frozen === 1) return "frozen";
      if (growth > 0 && growth > freeBytes(usage)) return usage;
      const ahead = growth > 0 ? Math.min(slack, slackFor(freeBytes(usage) - growth)) : 0;
      const charged = Math.max(current, end) + ahead;
      this.#sql.addBytes.run({ userId, bytes: charged - current });
      this.#sql.charge.run({ id: row, charged, slack: charged > end ? 1 : 0 });
      holder.charged = charged;
      holder.grant(end);
      return undefined;
    });
  }

  /** Gives back what the holder was charged beyond its need. */
  async trim(holder: Charge): Promise<void> {
    const { userId, inode, row } = holder;
    this.#immediate(() => {
      const before = this.#holders(userId, inode, -1).most ?? 0;
      const others = this.#holders(userId, inode, row).most ?? 0;
      const needed = holder.needed();
      this.#sql.charge.run({ id: row, charged: needed, slack: 0 });
      this.#sql.addBytes.run({ userId, bytes: Math.max(others, needed) - before });
      if (others > needed) this.#sql.markSlack.run({ userId, inode, charged: needed });
      holder.charged = needed;
    });
  }

  /**
   * Keeps a file from growing beyond `size` in any process until {@link thaw}.
   * @returns false when some holder is charged for more already
   */
  async freeze({ row, userId, inode }: Charge, size: number): Promise<boolean> {
    return this.#immediate(() => {
      if ((this.#holders(userId, inode, -1).most ?? 0) > size) return false;
      this.#sql.freeze.run({ id: row, frozen: 1 });
      return true;
    });
  }

  async thaw({ row }: Charge): Promise<void> {
    this.#sql.freeze.run({ id: row, frozen: 0 });
  }

  /** What the rows of this process are charged: others may have raised them. */
  async chargedHere(userId: number): Promise<Map<number, number>> {
    const rows = this.#sql.chargedHere.all({ userId, node: this.#nodeId });
    return new Map((rows as { id: number; charged: number }[]).map((r) => [r.id, r.charged]));
  }

  /** Asks the other processes to give back what they hold charged ahead of need for this user. */
  async askForSlack(userId: number): Promise<void> {
    this.#sql.askForSlack.run({ userId, at: Date.now() });
  }

  /** Ends a row: the file is charged what it really is, or nothing when its last name is gone. */
  async settle(row: number, inspect: () => Outcome): Promise<void> {
    this.#immediate(() => {
      const found = this.#sql.row.get({ id: row }) as
        | { user_id: number; inode: string }
        | undefined;
      if (found !== undefined) this.#settleRow(row, found.user_id, found.inode, inspect());
    });
  }

  /** Removes a directory entry. `perform` does it and says what that freed, undefined: no file. */
  async remove(
    userId: number,
    path: Buffer,
    inode: string,
    size: number,
    perform: () => Removed | undefined,
  ): Promise<void> {
    const intent = this.#immediate(() =>
      this.#addIntent(userId, "remove", path, null, inode, size),
    );
    this.#fulfil(intent, () => {
      const removed = perform();
      this.#sql.removeFile.run({ userId });
      if (removed !== undefined) this.#release(userId, removed);
    });
  }

  /**
   * Renames: the journal follows. `victim` is what stands at `to` and will be replaced; `perform`
   * renames and says what became of the victim.
   */
  async rename(
    userId: number,
    from: Buffer,
    to: Buffer,
    victim: { readonly inode: string; readonly size: number } | undefined,
    perform: () => Removed | undefined,
  ): Promise<void> {
    const moving = this.#sql.rowsBelow.all(range(userId, from)) as { id: number; path: Buffer }[];
    let intent: number | undefined;
    if (victim !== undefined || moving.length > 0) {
      intent = this.#immediate(() => {
        for (const { id, path } of moving) {
          this.#sql.movingTo.run({ id, path: Buffer.concat([to, path.subarray(from.length)]) });
        }
        if (victim === undefined) return undefined;
        return this.#addIntent(userId, "replace", to, from, victim.inode, victim.size);
      });
    }
    this.#fulfil(intent, () => {
      const removed = perform();
      for (const { id } of moving) this.#sql.moved.run({ id });
      if (victim !== undefined) this.#sql.removeFile.run({ userId });
      if (removed !== undefined) this.#release(userId, removed);
    });
  }

  /** Runs `perform` while no process changes any user's entries. */
  async exclusively<T>(perform: () => T): Promise<T> {
    return this.#immediate(perform);
  }

  /** How many rows of other processes hold charge ahead of need for this user. */
  async slackElsewhere(userId: number): Promise<number> {
    const found = this.#sql.slackElsewhere.get({ userId, node: this.#nodeId });
    return (found as { count: number }).count;
  }

  // What a dead process left, for recovery.

  async journalOf(node: string): Promise<JournalRow[]> {
    const rows = this.#sql.journal.all({ node }) as {
      id: number;
      userName: string;
      inode: string;
      path: Buffer;
      new_path: Buffer | null;
      unlinked: number;
    }[];
    return rows.map(({ id, userName, inode, path, new_path, unlinked }) => {
      const paths = new_path === null ? [path] : [path, new_path];
      return { id, userName, inode, paths, unlinked: unlinked === 1 };
    });
  }

  async intentsOf(node: string): Promise<Intent[]> {
    return this.#sql.intents.all({ node }) as Intent[];
  }

  /** Books an intent of a dead process. `happened` looks whether it was carried out. */
  async resolveIntent(id: number, happened: () => boolean): Promise<void> {
    this.#immediate(() => {
      const found = this.#sql.intent.get({ id }) as
        | { user_id: number; kind: string; inode: string | null; size: number }
        | undefined;
      if (found === undefined) return;
      const userId = found.user_id;
      const done = happened();
      if (found.kind === "create") {
        if (!done) this.#sql.removeFile.run({ userId });
      } else if (done) {
        this.#sql.removeFile.run({ userId });
        const inode = found.inode ?? "";
        this.#release(userId, { inode, last: found.size > 0, size: found.size });
      }
      this.#sql.dropIntent.run({ id });
    });
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

  #holders(userId: number, inode: string, except: number): HolderRow {
    return this.#sql.holders.get({ userId, inode, except }) as HolderRow;
  }

  #insertRow(userId: number, path: Buffer, inode: string, size: number): OpenedRow {
    const node = this.#nodeId;
    const added = this.#sql.addRow.run({ node, userId, inode, path, charged: size });
    return { row: Number(added.lastInsertRowid), inode, charged: size };
  }

  #chargeAhead(userId: number, opened: OpenedRow, ahead: number): OpenedRow {
    const most = Math.min(ahead, slackFor(freeBytes(this.#usage(userId))));
    if (most <= 0) return opened;
    const charged = opened.charged + most;
    this.#sql.addBytes.run({ userId, bytes: most });
    this.#sql.charge.run({ id: opened.row, charged, slack: 1 });
    return { ...opened, charged };
  }

  #settleRow(row: number, userId: number, inode: string, outcome: Outcome): void {
    const before = this.#holders(userId, inode, -1).most ?? 0;
    const others = this.#holders(userId, inode, row);
    let after = outcome.linked || others.count > 0 ? outcome.size : 0;
    if (others.count > 0) {
      after = Math.max(after, others.most ?? 0);
      this.#sql.raiseOthers.run({ userId, inode, except: row, charged: outcome.size });
    }
    this.#sql.dropRow.run({ id: row });
    this.#sql.addBytes.run({ userId, bytes: after - before });
  }

  /** A name went away. If it was the last one, an open file stays charged until it is closed. */
  #release(userId: number, removed: Removed): void {
    if (!removed.last) return;
    const { inode, size } = removed;
    const held = this.#sql.markUnlinked.run({ userId, inode }).changes > 0;
    if (!held) this.#sql.addBytes.run({ userId, bytes: -size });
  }

  #addIntent(
    userId: number,
    kind: Intent["kind"],
    path: Buffer,
    from: Buffer | null,
    inode: string | null,
    size: number,
  ): number {
    const node = this.#nodeId;
    const added = this.#sql.addIntent.run({ node, userId, kind, path, from, inode, size });
    return Number(added.lastInsertRowid);
  }

  #undoCreate(intent: number, userId: number): void {
    if (this.#sql.dropIntent.run({ id: intent }).changes > 0) this.#sql.removeFile.run({ userId });
  }

  #fulfil(intent: number | undefined, act: () => void): void {
    try {
      this.#immediate(() => {
        act();
        if (intent !== undefined) this.#sql.dropIntent.run({ id: intent });
      });
    } catch (thrown) {
      if (intent !== undefined) this.#sql.dropIntent.run({ id: intent });
      throw thrown;
    }
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

function freeBytes({ quotaBytes, usedBytes }: Usage): number {
  return quotaBytes === null ? Number.POSITIVE_INFINITY : quotaBytes - usedBytes;
}

/** How far ahead of need a file may be charged when `left` bytes stay free: nothing near the limit. */
function slackFor(left: number): number {
  const share = Math.floor(left / 16);
  return share < SMALLEST_SLACK ? 0 : Math.min(share, LARGEST_SLACK);
}
