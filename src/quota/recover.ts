import type { LedgerStore } from "../store/ledger.ts";
import type { Witness } from "../vfs/books.ts";

interface Journals {
  readonly ledger: LedgerStore;
  readonly nodes: {
    dead(): Promise<readonly { readonly id: string }[]>;
    remove(id: string): Promise<unknown>;
  };
}

/**
 * Settles what processes that died have left in the journal, so that usage equals the disk again.
 * Looks at the files that were open only; several processes may do it at once. What can't be settled
 * stays charged and keeps nothing else from it; the first such failure rejects at the end.
 */
export async function recover(store: Journals, witness: Witness): Promise<void> {
  const failures: unknown[] = [];
  for (const { id } of await store.nodes.dead()) {
    const before = failures.length;
    const attempt = (work: Promise<unknown>) => work.catch((thrown) => failures.push(thrown));
    await attempt(store.ledger.resolveIntent(id, witness));
    for (const row of await store.ledger.journalOf(id)) {
      await attempt(store.ledger.settle(row, () => witness.outcome(row), id));
    }
    if (failures.length === before) await store.nodes.remove(id);
  }
  if (failures.length > 0) throw failures[0];
}
