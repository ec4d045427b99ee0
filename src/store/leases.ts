import { setTimeout as sleep } from "node:timers/promises";
import type { Usage } from "../vfs/books.ts";
import type { ChangeStore } from "./changes.ts";
import type { Connection } from "./connection.ts";
import { dropJournal, JournalFile, type JournalRecord, readJournal } from "./journal-file.ts";
import {
  type BookRow,
  type LeaseStatements,
  type OpenBook,
  prepareLeases,
  toRow,
} from "./lease-statements.ts";
import type { Life } from "./life.ts";
import type { NodeStore } from "./nodes.ts";
import type { Store } from "./store.ts";
import type { Spare, Writes } from "./writes.ts";

export type { BookRow, OpenBook };

/** How long the process that holds a home may take to give it up, in milliseconds. */
const PATIENCE_MS = 5_000;
/** How long processes may take to tell what they have not told the store yet, in milliseconds. */
const FOLD_PATIENCE_MS = 2_000;
/** What it was asked for may have failed, and is asked again after so long, in milliseconds. */
const ASK_AGAIN_MS = 1_000;
const POLL_MS = 5;
/** Where asking means to ask another machine. */
const REMOTE_POLL_MS = 50;

/** Another process holds the home, or this one by its own book. `code` is as SQLite's when busy. */
export class HeldHomeError extends Error {
  override readonly name = "HeldHomeError";
  readonly code = "SQLITE_BUSY";
  readonly userId: number;

  constructor(userId: number) {
    super("a process holds the home");
    this.userId = userId;
  }
}

/** A book as its process tells it to the store. */
export interface Fold extends Usage {
  readonly userId: number;
  /** changes since it was told the last time */
  readonly changes: number;
  readonly rows: readonly BookRow[];
}

/** A home, and the dead process that holds it. */
export interface DeadHome {
  readonly node: string;
  readonly userId: number;
}

interface Folded {
  readonly told: readonly Fold[];
  /** not this process's any more */
  readonly lost: readonly Fold[];
}

/** The homes that this process holds. */
export interface Holdings {
  /** Tells the store all that is new. */
  fold(): Promise<void>;
  /** The store has the book again, and each change is a transaction. */
  giveUp(userId: number): Promise<void>;
  giveUpAll(): Promise<void>;
  /** Another process gave up the home, because this one asked. */
  wasGivenUp(userId: number): void;
}

/**
 * Which process holds which home. Who holds one keeps its book in memory, writes each change of
 * names to its journal, and tells the store now and then. All others ask for the home first.
 */
export class LeaseStore {
  readonly journal: JournalFile;
  readonly #writes: Writes;
  readonly #nodes: NodeStore;
  readonly #changes: ChangeStore;
  readonly #node: string;
  readonly #directory: string;
  readonly #sql: LeaseStatements;
  readonly #life: Life;
  readonly #hasOneLock: boolean;
  #holdings: Holdings | undefined;
  #settleDead: ((home: DeadHome) => Promise<void>) | undefined;

  constructor(
    connection: Connection,
    writes: Writes,
    { nodes, changes, life }: Pick<Store, "nodes" | "changes" | "life">,
    spare: Spare,
    nodeId: string,
  ) {
    this.#writes = writes;
    this.#nodes = nodes;
    this.#changes = changes;
    this.#life = life;
    this.#node = nodeId;
    this.#directory = connection.directory;
    this.#sql = prepareLeases(connection);
    this.#hasOneLock = connection.engine === "sqlite";
    this.journal = new JournalFile(this.#directory, nodeId, spare);
  }

  /** Says who keeps the books of the homes that this process holds. */
  setHoldings(holdings: Holdings): void {
    this.#holdings = holdings;
  }

  /** Says what takes back the homes of processes that died. */
  onDead(settle: (home: DeadHome) => Promise<void>): void {
    this.#settleDead = settle;
  }

  /** To be called before the node's row goes. */
  async close(): Promise<void> {
    await this.#holdings?.giveUpAll();
    this.journal.close();
  }

  /**
   * Takes a home that no other process uses.
   * @param quietMs since another process needed it, in milliseconds
   * @param first settles, in the same transaction, what others left unbooked
   * @param booked is told its book, with the files that this process has open; undefined: others
   * use it
   */
  async take(
    userId: number,
    quietMs: number,
    first: () => void,
    booked: (book: OpenBook | undefined) => void,
  ): Promise<void> {
    const node = this.#node;
    const take = (): OpenBook | undefined => {
      first();
      const now = Date.now();
      // A clock that was set back must not keep it shared until it gets there again.
      const taken = { userId, node, since: now - quietMs + 1, now, folded: this.journal.last };
      if (this.#sql.take.run(taken).changes === 0) return undefined;
      return this.#book(userId, node);
    };
    await this.#writes.run(take, { booked, lock: userId });
  }

  /**
   * Tells the store what the books are now: in one transaction where there is one lock for all homes,
   * else in one for each. Rejects as the first of those that failed.
   * @param books of all homes, or of one; asked with the lock held
   * @param release the homes are not held any more
   * @param done called in the same turn with the homes that were this process's still
   */
  async fold(
    books: (userId?: number) => readonly Fold[],
    release: "wanted" | "unused" | undefined,
    done: (told: readonly Fold[], lost: readonly Fold[]) => void,
  ): Promise<void> {
    this.#life.check();
    const booked = ({ told, lost }: Folded): void => done(told, lost);
    const fold = (userId?: number): Promise<Folded> => {
      const act = (): Folded => this.#foldAll(books(userId), release);
      return this.#writes.run(act, { booked, lock: userId ?? "instance" });
    };
    if (this.#hasOneLock) return void (await fold());
    const each = await Promise.allSettled(books().map(({ userId }) => fold(userId)));
    const failed = each.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #foldAll(books: readonly Fold[], release: "wanted" | "unused" | undefined): Folded {
    const told = books.filter((book) => this.#fold(book, release));
    return { told, lost: books.filter((book) => !told.includes(book)) };
  }

  /** False when the home is not this process's any more. */
  #fold(book: Fold, release: "wanted" | "unused" | undefined): boolean {
    const { userId, usedBytes, usedFiles, changes, rows } = book;
    const node = this.#node;
    const told = { userId, node, usedBytes, usedFiles, changes, folded: this.journal.last };
    if (this.#sql.fold.run(told).changes === 0) return false;
    this.#putRows(userId, node, rows);
    if (release !== undefined) {
      this.#sql.release.run({ userId, wanted: release === "wanted" ? Date.now() : null });
    }
    return true;
  }

  #putRows(userId: number, node: string, rows: readonly BookRow[]): void {
    this.#sql.dropRows.run({ userId, node });
    for (const { row, path, inode, charged, slack, unlinked, frozen } of rows) {
      this.#sql.addRow.run({
        ...{ userId, node, row, path, inode, charged },
        ...{ slack: Number(slack), unlinked: Number(unlinked), frozen: Number(frozen) },
      });
    }
  }

  #book(userId: number, node: string): OpenBook | undefined {
    const usage = this.#sql.usage.get({ userId }) as Usage | undefined;
    if (usage === undefined) return undefined;
    return { ...usage, rows: this.#sql.rows.all({ userId, node }).map(toRow) };
  }

  /**
   * For use in a transaction that changes the books of a home.
   * @throws HeldHomeError when the books are in a process's memory
   */
  requireShared(userId: number): void {
    if (this.holderOf(userId) !== undefined) throw new HeldHomeError(userId);
  }

  /** The process that holds the home; undefined: nobody does. */
  holderOf(userId: number): string | undefined {
    const found = this.#sql.holder.get({ userId }) as { holder: string | null } | undefined;
    return found?.holder ?? undefined;
  }

  /** Runs `act` in a transaction while nobody holds the home. */
  async whileShared<T>(userId: number, act: () => T): Promise<T> {
    for (;;) {
      try {
        return await this.#writes.run(
          () => {
            this.requireShared(userId);
            return act();
          },
          { lock: userId },
        );
      } catch (thrown) {
        if (!(thrown instanceof HeldHomeError)) throw thrown;
        await this.share(userId);
      }
    }
  }

  /**
   * Resolves when nobody holds the home; processes wait some seconds
   * before they take it then.
   * Rejects with {@link HeldHomeError} when its process does not give it up.
   */
  async share(userId: number): Promise<void> {
    // That of a machine that vanished is to be had when its lease is over.
    const patience = performance.now() + PATIENCE_MS + (this.#life.options?.leaseMs ?? 0);
    for (let askAt = 0; ; ) {
      const holder = this.holderOf(userId);
      if (holder === undefined) return askAt > 0 ? this.#holdings?.wasGivenUp(userId) : undefined;
      if (holder === this.#node) await this.#holdings?.giveUp(userId);
      else if (await this.#isDead(holder)) await this.#takeBackFrom(holder, userId);
      else if (performance.now() >= askAt) {
        await this.ask("share", userId);
        askAt = performance.now() + ASK_AGAIN_MS;
      }
      if (performance.now() > patience) throw new HeldHomeError(userId);
      await sleep(this.#life.options === undefined ? POLL_MS : REMOTE_POLL_MS);
    }
  }

  /** Rejects when it can't be; what is in the way of other homes keeps nobody from this one. */
  async #takeBackFrom(holder: string, userId: number): Promise<void> {
    try {
      await this.#settleDead?.({ node: holder, userId });
    } catch (thrown) {
      if (this.holderOf(userId) === holder) throw thrown;
    }
  }

  /** Resolves when the store has that book as it is, or without a user all: `users` can be read. */
  async exact(userId?: number): Promise<void> {
    if (userId !== undefined && this.holderOf(userId) === undefined) return;
    await this.#holdings?.fold();
    if (this.#others(0).length === 0) return;
    const asked = await this.ask("fold", 0);
    const patience = performance.now() + FOLD_PATIENCE_MS;
    const dead = new Set<string>();
    for (;;) {
      const others = this.#others(asked).filter((id) => !dead.has(id));
      if (others.length === 0) return;
      for (const id of others) {
        if (!(await this.#isDead(id))) continue;
        dead.add(id);
        // A home that can't be looked at stays as it was told last.
        await this.#takeBackAll(id);
      }
      // A process that is stopped changes nothing either: all but its last second is told.
      if (performance.now() > patience) return;
      await sleep(POLL_MS);
    }
  }

  async #takeBackAll(node: string): Promise<void> {
    for (const userId of await this.heldBy(node)) {
      if (this.holderOf(userId) === node)
        await this.#settleDead?.({ node, userId }).catch(() => undefined);
    }
  }

  /** Asks all other processes. @returns which of the changes says so */
  ask(what: "share" | "fold" | "squeeze", userId: number): Promise<number> {
    return this.#changes.add(what, userId);
  }

  /** The store has all that is this process's; `change` asked for that. */
  async answer(change: number): Promise<void> {
    const answer = (): unknown => this.#sql.answer.run({ node: this.#node, change });
    await this.#writes.run(answer, { lock: "nodes" });
  }

  /** The other processes that hold homes, and have not answered that change. */
  #others(change: number): string[] {
    return this.#sql.others.all({ node: this.#node, change }).map((row) => (row as Id).id);
  }

  async #isDead(node: string): Promise<boolean> {
    return (await this.#nodes.dead()).some(({ id }) => id === node);
  }

  /** The homes that a process held when it died. */
  async heldBy(node: string): Promise<number[]> {
    return this.#sql.heldBy.all({ node }).map((row) => (row as { userId: number }).userId);
  }

  /**
   * Takes back a home that a dead process held.
   * @param settle the book as it was told last, and what the process wrote down since: says what
   * the book is now. Called with the lock held
   */
  async takeBack(
    node: string,
    userId: number,
    settle: (book: OpenBook, name: string, records: readonly JournalRecord[]) => Fold,
  ): Promise<void> {
    const takeBack = (): void => {
      const held = this.#sql.heldHome.get({ userId, node }) as
        | { name: string; folded: number }
        | undefined;
      const book = held && this.#book(userId, node);
      if (held === undefined || book === undefined) return;
      const records = readJournal(this.#directory, node).filter(
        (record) => record.userId === userId && record.number > held.folded,
      );
      const { usedBytes, usedFiles, changes } = settle(book, held.name, records);
      this.#sql.fold.run({ userId, node, usedBytes, usedFiles, changes, folded: 0 });
      this.#sql.dropRows.run({ userId, node });
      this.#sql.release.run({ userId, wanted: null });
    };
    await this.#writes.run(takeBack, { lock: userId });
  }

  /** All that a dead process held was taken back. */
  dropJournal(node: string): void {
    dropJournal(this.#directory, node);
  }
}

interface Id {
  readonly id: string;
}
