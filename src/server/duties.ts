import type { Store } from "../store/store.ts";
import type { Chores } from "./chores.ts";
import { LOOK_MS } from "./disk-watch.ts";
import type { Parts } from "./parts.ts";

/** How often the journals of processes that died are looked for, in milliseconds. */
const RECOVER_MS = 5_000;
/** Soon enough that a client that makes events as fast as it can doesn't fill the disk. */
const PRUNE_MS = 60 * 1_000;
/** How long the database may not know what is in the books of homes that are held, in milliseconds. */
const FOLD_MS = 1_000;

/** What the server does again and again. */
export interface Duties {
  readonly chores: Chores;
  readonly penalties: { prune(): Promise<unknown> };
  recover(): Promise<unknown>;
}

export function beginDuties(
  { chores, penalties, recover }: Duties,
  { config, ledger, descriptors, disks }: Parts,
  store: Store,
  onLost: (records: number) => void,
): void {
  let told = 0;
  const prune = (): Promise<unknown> => {
    const lost = store.audit.lost - told;
    told += lost;
    if (lost > 0) onLost(lost);
    return store.audit.prune(config.audit.keep, config.audit.maxRecords);
  };
  chores.every(PRUNE_MS, "audit not pruned", prune);
  chores.every(PRUNE_MS, "penalties not pruned", () => penalties.prune());
  chores.every(RECOVER_MS, "journals not recovered", recover);
  chores.every(FOLD_MS, "books not told to the database", () => ledger.tend());
  chores.every(RECOVER_MS, "descriptors not looked at", () => descriptors.look());
  chores.every(LOOK_MS, "disks not looked at", () => disks.look());
}
