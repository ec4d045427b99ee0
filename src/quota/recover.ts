import type { JournalRecord } from "../store/journal-file.ts";
import type { Fold, LeaseStore, OpenBook } from "../store/leases.ts";
import type { LedgerStore } from "../store/ledger.ts";
import type { Witness } from "../vfs/books.ts";
import { Book } from "./book.ts";
import { replay } from "./journal.ts";

/** The parts of the store that the books are in. */
export interface BookStore {
  readonly ledger: LedgerStore;
  readonly leases: LeaseStore;
  readonly nodes: {
    dead(): Promise<readonly { readonly id: string }[]>;
    remove(id: string): Promise<unknown>;
  };
}

/** What a process sent last may be stored after it died: it is settled once more, so often at most. */
const TRIES = 5;

const toFailure = (thrown: unknown) => ({ thrown });

/**
 * Settles what processes that died have left, so that usage equals the disk again: the homes that
 * they held by their journals, the others by what the store has. Looks at the files that were open
 * only; several processes may do it at once. What can't be settled stays charged and keeps nothing
 * else from it; the first such failure rejects at the end.
 */
export async function recover(store: BookStore, witness: Witness): Promise<void> {
  const failures: unknown[] = [];
  const failed = new Set<string>();
  const attempt = (id: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((thrown: unknown) => {
      failures.push(thrown);
      failed.add(id);
    });
  const dead = await store.nodes.dead();
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
    for (let tries = 1; ; tries += 1) {
      await settle(id);
      if (failed.has(id)) break;
      const late = await store.nodes.remove(id).then(() => undefined, toFailure);
      if (late === undefined) store.leases.dropJournal(id);
      else if (tries === TRIES) throw late.thrown;
      if (late === undefined) break;
    }
  }
  if (failures.length > 0) throw failures[0];
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
