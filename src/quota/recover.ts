import type { HomeUses } from "../store/home-uses.ts";
import type { JournalRecord } from "../store/journal-file.ts";
import type { DeadHome, Fold, LeaseStore, OpenBook } from "../store/leases.ts";
import type { LedgerStore } from "../store/ledger.ts";
import type { Life } from "../store/life.ts";
import type { LostHomes } from "../store/lost-homes.ts";
import type { Witness } from "../vfs/books.ts";
import { Book } from "./book.ts";
import { replay } from "./journal.ts";
import { count, recoverLost } from "./lost.ts";

/** The parts of the store that the books are in. */
export interface BookStore {
  readonly ledger: LedgerStore;
  readonly leases: LeaseStore;
  readonly uses: HomeUses;
  readonly lostHomes: LostHomes;
  readonly life: Life;
  readonly nodes: {
    dead(): Promise<readonly DeadNode[]>;
    giveUp(id: string): Promise<boolean>;
    remove(id: string): Promise<unknown>;
  };
}

/** What of it recovery needs. */
export type Recoverable = Pick<BookStore, "ledger" | "leases" | "lostHomes" | "nodes">;

interface DeadNode {
  readonly id: string;
  /** what it wrote down can't be relied on */
  readonly isLost: boolean;
}

/** What a process sent last may be stored after it died: it is settled once more, so often at most. */
const TRIES = 5;

/** @param settle resolves to false when something can't be settled: the node stays */
async function removeSettled(
  { nodes, leases }: Pick<Recoverable, "nodes" | "leases">,
  id: string,
  settle: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 1; await settle(); tries += 1) {
    try {
      await nodes.remove(id);
      leases.dropJournal(id);
      return;
    } catch (thrown) {
      if (tries === TRIES) throw thrown;
    }
  }
}

/**
 * Settles what processes that died have left, so that usage equals the disk again: the homes that
 * they held by their journals, the others by what the store has. Looks at the files that were open
 * only; but what processes of other machines used is counted. Several processes may do it at once.
 * What can't be settled stays charged and keeps nothing else from it; the first such failure rejects
 * at the end.
 */
export async function recover(store: Recoverable, witness: Witness): Promise<void> {
  const failures: unknown[] = [];
  const failed = new Set<string>();
  const attempt = (id: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((thrown: unknown) => {
      failures.push(thrown);
      failed.add(id);
    });
  const all = await store.nodes.dead();
  const dead = all.filter(({ isLost }) => !isLost);
  // All intents first: a file that one process removed may be one that another had open.
  for (const { id } of dead) await attempt(id, store.ledger.resolveIntent(id, witness));
  const settle = async (id: string): Promise<void> => {
    for (const userId of await store.leases.heldBy(id)) {
      await attempt(id, takeBack(store, witness, id, userId));
    }
    for (const row of await store.ledger.journalOf(id)) {
      await attempt(
        id,
        store.ledger.settle(row, () => witness.outcome(row), id),
      );
    }
  };
  for (const { id } of dead) {
    await removeSettled(store, id, async () => {
      await settle(id);
      return !failed.has(id);
    });
  }
  for (const { id, isLost } of all) if (isLost) await attempt(id, recoverLost(store, id));
  if (failures.length > 0) throw failures[0];
}

/** As {@link recover}, but of a lost process only that home. */
export async function recoverHome(
  store: Recoverable,
  witness: Witness,
  { node, userId }: DeadHome,
): Promise<void> {
  const dead = (await store.nodes.dead()).find(({ id }) => id === node);
  if (dead?.isLost !== true) return recover(store, witness);
  if (await store.nodes.giveUp(node)) await count(store, node, userId);
}

/** A home that a dead process held. */
function takeBack(
  { leases }: Pick<BookStore, "leases">,
  witness: Witness,
  node: string,
  userId: number,
): Promise<void> {
  const settle = (told: OpenBook, user: string, records: readonly JournalRecord[]): Fold => {
    const book = new Book(told);
    const changes = replay(book, user, records, witness);
    return { userId, changes, ...book.usage(), rows: [] };
  };
  return leases.takeBack(node, userId, settle);
}
