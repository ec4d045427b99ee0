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
  const failed = new Set<string>();
  const attempt = (id: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((thrown: unknown) => {
      failures.push(thrown);
      failed.add(id);
    });
  const dead = await store.nodes.dead();
  // All intents first: a file that one process removed may be one that another had open.
  for (const { id } of dead) await attempt(id, store.ledger.resolveIntent(id, witness));
  for (const { id } of dead) {
    for (const row of await store.ledger.journalOf(id)) {
      await attempt(
        id,
        store.ledger.settle(row, () => witness.outcome(row), id),
      );
    }
    if (!failed.has(id)) await store.nodes.remove(id);
  }
  if (failures.length > 0) throw failures[0];
}
