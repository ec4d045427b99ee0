import { FsError } from "../errors.ts";
import { existingHome } from "../vfs/homes.ts";
import type { Recoverable } from "./recover.ts";
import { measure } from "./rescan.ts";

/** Directories may be moved under a walk by other programs. */
const ATTEMPTS = 10;

/**
 * Takes back what a process of another machine had, once it can't write any more. The notes that it
 * made for such a time may have been in that machine's memory only, so each home that it used is
 * counted; nobody uses that meanwhile.
 */
export async function recoverLost(store: Recoverable, node: string): Promise<void> {
  if (!(await store.nodes.giveUp(node))) return;
  const failures: unknown[] = [];
  // Several processes do this at once: each begins elsewhere.
  for (const userId of shuffled(await store.lostHomes.of(node))) {
    await count(store, node, userId).catch((thrown: unknown) => failures.push(thrown));
  }
  if (failures.length > 0) throw failures[0];
  await store.nodes.remove(node);
  store.ledger.dropIntent(node);
  store.leases.dropJournal(node);
}

/** Counts a home that a lost process used, and takes it back. */
export async function count(store: Recoverable, node: string, userId: number): Promise<void> {
  if (!(await store.lostHomes.claim(node, userId))) return;
  store.ledger.requireHomes();
  const { root } = store.ledger;
  const name = await store.ledger.homeName(userId);
  for (let attempt = 1; ; attempt += 1) {
    const charges = await store.lostHomes.otherCharges(node, userId);
    try {
      const home = name === undefined ? undefined : existingHome(root, name);
      return await store.lostHomes.takeBack(node, userId, await measure(home, charges));
    } catch (thrown) {
      const moved = thrown instanceof FsError && thrown.code === "EBUSY";
      if (!moved || attempt === ATTEMPTS) throw thrown;
    }
  }
}

function shuffled(all: readonly number[]): number[] {
  return all
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}
