import { join } from "node:path";
import type { Penalties } from "../auth/penalties.ts";
import { errorName } from "../errors.ts";
import { recover } from "../quota/recover.ts";
import { type HostKey, loadHostKeys } from "../transport/host-keys.ts";
import type { Books } from "../vfs/books.ts";
import type { Chores } from "./chores.ts";
import { LOOK_MS } from "./disk-watch.ts";
import type { Parts, PartsOptions } from "./parts.ts";
import { EXPIRE_MS, TrashExpiry } from "./trash-expiry.ts";

/** How often the journals of processes that died are looked for, in milliseconds. */
const RECOVER_MS = 5_000;
/** Soon enough that a client that makes events as fast as it can doesn't fill the disk. */
const PRUNE_MS = 60 * 1_000;

/** How long the database may not know what is in the books of homes that are held, in milliseconds. */
const FOLD_MS = 1_000;

/** What comes before anybody is served. Rejects when a host key or that of second factors can't be used. */
export async function settleIn(options: PartsOptions, parts: Parts): Promise<HostKey[]> {
  const { root, store, log } = options;
  parts.descriptors.fit();
  store.belongings.checkKeys();
  const hostKeys = await loadHostKeys(join(root, "keys"));
  await store.belongings.keysLoaded();
  await parts.factorKey.check();
  // Tried again every few seconds: what can't be settled must not keep the server down.
  await recover(store, parts.evidence).catch((error: unknown) => {
    log.error({ error: errorName(error) }, "journals not recovered");
  });
  await parts.disks.look();
  return hostKeys;
}

/** What each process does again and again. */
export function lookAfter(chores: Chores, parts: Parts, recoverAll: () => Promise<void>): void {
  const { descriptors, disks, ledger, lookAtQuotas } = parts;
  chores.every(RECOVER_MS, "journals not recovered", recoverAll);
  chores.every(FOLD_MS, "books not told to the database", async () => {
    await ledger.tend();
    await lookAtQuotas();
  });
  chores.every(RECOVER_MS, "descriptors not looked at", () => descriptors.look());
  chores.every(LOOK_MS, "disks not looked at", () => disks.look());
}

/** What one process of a server does for all of them. */
export function prune(
  chores: Chores,
  { root, config, store, log }: PartsOptions,
  penalties: Penalties,
  books: Books,
): void {
  let told = 0;
  chores.every(PRUNE_MS, "audit not pruned", () => {
    const lost = store.audit.lost - told;
    told += lost;
    if (lost > 0) log.error({ lost }, "audit records lost: the database could not be written");
    return store.audit.prune(config.audit.keep, config.audit.maxRecords);
  });
  chores.every(PRUNE_MS, "penalties not pruned", () => penalties.prune());
  // Also what a command that was killed left undone, and what another default of the settings means.
  chores.every(PRUNE_MS, "quotas of groups not looked at", () =>
    store.groups.inheritAll(config.quota.default),
  );
  const trash = new TrashExpiry({ root, store, books, log, keep: () => config.trash.keep });
  chores.every(EXPIRE_MS, "trash not looked at", () => trash.run());
  chores.every(PRUNE_MS, "bans not pruned", () => store.bans.prune(Date.now()));
}
