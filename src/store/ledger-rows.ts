import type { BookView, Removed, Usage } from "../vfs/books.ts";
import { type LedgerStatements, range } from "./ledger-statements.ts";
import type { Holders, Intent, JournalKey, MovingRow, OpenedRow } from "./ledger-types.ts";
import { freeBytes, slackFor } from "./slack.ts";

/** Why a file may not grow. */
export type Denial = Usage | "frozen";

/** What the transactions of the ledger are made of. Each is for use inside of one. */
export class LedgerRows {
  readonly #sql: LedgerStatements;
  readonly #node: string;
  #last = 0;

  constructor(sql: LedgerStatements, node: string) {
    this.#sql = sql;
    this.#node = node;
  }

  /** The number of the next row of this process. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  key({ userId, inode, row }: JournalKey) {
    return { userId, inode, row, node: this.#node };
  }

  usage(userId: number): Usage {
    const found = this.#sql.usage.get({ userId }) as Usage | undefined;
    return found ?? { usedBytes: 0, usedFiles: 0, quotaBytes: 0, quotaFiles: 0 };
  }

  /** Another text after whatever is booked for the home, or renamed in it. */
  mark(userId: number): string {
    return JSON.stringify(this.#sql.mark.get({ userId }) ?? null);
  }

  /** The book as it is in the transaction that is open. */
  view(userId: number): BookView {
    return {
      usage: () => this.usage(userId),
      charged: (inode) => {
        const found = this.#sql.charged.get({ userId, inode }) as { most: number | null };
        return found.most ?? undefined;
      },
    };
  }

  holders({ userId, inode, row }: JournalKey, node = this.#node): Holders {
    return this.#sql.holders.get({ userId, inode, row, node }) as Holders;
  }

  addBytes(userId: number, bytes: number): void {
    if (bytes !== 0) this.#sql.add.run({ userId, bytes, files: 0 });
  }

  /** @param slack bytes charged beyond the file's size */
  add(userId: number, path: Buffer, inode: string, size: number, slack: number): OpenedRow {
    const key = { userId, inode, row: this.next() };
    const charged = size + slack;
    this.#sql.addRow.run({ ...this.key(key), path, charged, slack: slack > 0 ? 1 : 0 });
    return { ...key, charged };
  }

  /** @throws when the row is gone: what is charged would be given back by nobody */
  charge(key: JournalKey, charged: number, slack: boolean): void {
    const { changes } = this.#sql.charge.run({ ...this.key(key), charged, slack: Number(slack) });
    if (changes === 0) throw new Error("no such open file");
  }

  /** A name went away. If it was the last one, an open file stays charged until it is closed. */
  removed(userId: number, removed: Removed | undefined): void {
    let bytes = 0;
    if (removed?.last) {
      const { inode, size } = removed;
      const held = this.#sql.markUnlinked.run({ userId, inode }).changes > 0;
      if (!held) bytes = -size;
    }
    this.#sql.add.run({ userId, bytes, files: -1 });
  }

  /** The open files at or below a path. */
  below(userId: number, path: Buffer): MovingRow[] {
    return this.#sql.rowsBelow.all(range(userId, path)) as MovingRow[];
  }

  follow(userId: number, moving: readonly MovingRow[], from: Buffer, to: Buffer): void {
    for (const { inode, node, row, path } of moving) {
      const moved = Buffer.concat([to, path.subarray(from.length)]);
      this.#sql.move.run({ userId, inode, node, row, path: moved });
    }
  }

  /**
   * A name was changed, and what stood there before may have got another.
   * @param moving the open files at or below `from`
   */
  moved(userId: number, moving: readonly MovingRow[], { from, path, kept }: Moved): void {
    if (kept !== undefined) this.follow(userId, this.below(userId, path), path, kept);
    this.follow(userId, moving, from, path);
  }

  /** @returns what the holder is charged now, or why it isn't granted */
  grow(holder: JournalKey, end: number, slack: number): Denial | number {
    const { userId } = holder;
    const holders = this.holders(holder);
    const current = holders.most ?? 0;
    const usage = this.usage(userId);
    const growth = Math.max(0, end - current);
    if (growth > 0 && holders.frozen === 1) return "frozen";
    if (growth > 0 && growth > freeBytes(usage)) return usage;
    const ahead = growth > 0 ? Math.min(slack, slackFor(freeBytes(usage) - growth)) : 0;
    const charged = Math.max(current, end) + ahead;
    if (charged > current) this.addBytes(userId, charged - current);
    this.charge(holder, charged, charged > end);
    return charged;
  }

  /** A change that a process did and did not book. */
  bookLate({ userId, kind, victim, from, path, kept }: Intent): void {
    if (kind === "create") this.#sql.add.run({ userId, bytes: 0, files: 1 });
    if (from !== undefined) this.moved(userId, this.below(userId, from), { from, path, kept });
    if (victim !== undefined) this.removed(userId, { ...victim, last: victim.size > 0 });
  }
}

interface Moved {
  readonly from: Buffer;
  readonly path: Buffer;
  readonly kept?: Buffer | undefined;
}
