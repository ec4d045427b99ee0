import { join } from "node:path";
import type { Logger } from "pino";
import type { Penalties } from "../auth/penalties.ts";
import { CallDesk } from "../control/call-desk.ts";
import type { Control } from "../control/protocol.ts";
import { errorName } from "../errors.ts";
import { recover } from "../quota/recover.ts";
import type { Store } from "../store/store.ts";
import { givenHostKeys, type HostKey, loadHostKeys } from "../transport/host-keys.ts";
import type { Chores } from "./chores.ts";
import { LOOK_MS } from "./disk-watch.ts";
import { Monitoring } from "./monitoring.ts";
import type { Parts, PartsOptions } from "./parts.ts";
import { passOnTrail } from "./trail.ts";
import { EXPIRE_MS, TrashExpiry } from "./trash-expiry.ts";

/** How often the journals of processes that died are looked for, in milliseconds. */
const RECOVER_MS = 5_000;
/** Soon enough that a client that makes events as fast as it can doesn't fill the disk. */
const PRUNE_MS = 60 * 1_000;

/** How long the database may not know what is in the books of homes that are held, in milliseconds. */
const FOLD_MS = 1_000;

/** How soon a changed address is served, or a taken one tried again, in milliseconds. */
const MONITORING_MS = 1_000;

/** How soon a call of another machine is noticed, in milliseconds. */
const CALLS_MS = 50;

/** What comes before anybody is served. Rejects when a host key or that of second factors can't be used. */
export async function settleIn(options: PartsOptions, parts: Parts): Promise<readonly HostKey[]> {
  const { root, store, log } = options;
  parts.descriptors.fit();
  const hostKeys = await hostKeysOf(root, store);
  await store.belongings.keysLoaded();
  await parts.factorKey.check();
  // Tried again every few seconds: what can't be settled must not keep the server down.
  await recover(store, parts.evidence).catch((error: unknown) => {
    log.error({ error: errorName(error) }, "journals not recovered");
  });
  await parts.disks.look();
  return hostKeys;
}

/** Those of the environment, or else of keys/. */
async function hostKeysOf(root: string, { belongings }: Store): Promise<readonly HostKey[]> {
  const given = givenHostKeys(process.env);
  if (given.length > 0) return given;
  belongings.checkKeys();
  return loadHostKeys(join(root, "keys"));
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

/** Nobody calls where one machine is alone. */
function answerMachines(
  chores: Chores,
  store: Store,
  log: Logger,
  control: (actor: string) => Control,
): void {
  if (store.life.options === undefined) return;
  const desk = new CallDesk({ store, log, control });
  chores.every(CALLS_MS, "calls of other machines not answered", () => desk.look());
  chores.atEnd(() => desk.settled());
}

/** What one process of a server does for all of them. */
export function prune(
  chores: Chores,
  options: PartsOptions & Pick<Parts, "events" | "ledger">,
  penalties: Penalties,
  control: (actor: string) => Control,
): void {
  const { root, config, store, log, events, ledger: books } = options;
  events.start();
  const monitoring = new Monitoring({ root, config, log, control: () => control("metrics") });
  void monitoring.look();
  chores.every(MONITORING_MS, "metrics not served", () => monitoring.look());
  chores.atEnd(() => monitoring.close());
  passOnTrail(chores, options);
  answerMachines(chores, store, log, control);
  let told = 0;
  chores.every(PRUNE_MS, "audit not pruned", () => {
    const lost = store.audit.lost - told;
    told += lost;
    if (lost > 0) log.error({ lost }, "audit records lost: the database could not be written");
    return store.audit.prune(config.audit.keep, config.audit.maxRecords);
  });
  chores.every(RECOVER_MS, "audit of processes that died not recorded", async () => {
    const nodes = await store.nodes.list();
    store.audit.recoverHeld(new Set(nodes.flatMap(({ id, alive }) => (alive ? [id] : []))));
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
