import { hostname } from "node:os";
import { FactorKey } from "../auth/factor-key.ts";
import { Factors } from "../auth/factors.ts";
import { Passwords } from "../auth/passwords.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/types.ts";
import { AccessControl } from "../control/access.ts";
import { FactorControl } from "../control/factors.ts";
import { FolderControl } from "../control/folders.ts";
import { GroupControl } from "../control/groups.ts";
import { instanceExists, prepareInstance } from "../control/instance.ts";
import { asInstanceOwner } from "../control/server-user.ts";
import { UserControl } from "../control/users.ts";
import { recover, recoverHome } from "../quota/recover.ts";
import type { Store } from "../store/store.ts";
import { Evidence } from "../vfs/evidence.ts";
import { type CommandContext, cliActor, requirePlace, withStore } from "./context.ts";

/** What commands for users and folders work with. */
export interface Administration {
  readonly store: Store;
  readonly users: UserControl;
  readonly folders: FolderControl;
  readonly access: AccessControl;
  readonly groups: GroupControl;
  /** a password to an argon2 PHC string */
  hash(password: string): Promise<string>;
  readonly factors: FactorControl;
  readonly config: Config;
}

/**
 * Runs a command on the instance's users and closes the store after it.
 * @param options.create make the instance when there is none
 * @param options.settle first settle the books of servers that were killed
 */
export async function administer<T>(
  context: CommandContext,
  use: (administration: Administration) => Promise<T>,
  { create = false, settle = false } = {},
): Promise<T> {
  const root = context.root();
  const config = loadConfig({ root, env: context.io.env });
  // Asked before root acts as the owner.
  const actor = cliActor();
  const settled = async (store: Store): Promise<T> => {
    const evidence = new Evidence(store.ledger);
    store.ledger.setWitness(evidence);
    store.leases.onDead((home) => recoverHome(store, evidence, home));
    if (settle) await recover(store, evidence);
    const by = { store, root, actor };
    const passwords = new Passwords(config.auth);
    const hash = (password: string) => passwords.hash(password);
    const key = new FactorKey(root, store.factors);
    const factors = new Factors({ store, key, settings: config.login });
    return use({
      store,
      config,
      hash,
      users: new UserControl({ ...by, rule: config.auth, quota: config.quota, hash }),
      groups: new GroupControl({ ...by, quota: config.quota }),
      folders: new FolderControl(by),
      access: new AccessControl(by),
      factors: new FactorControl({ ...by, factors, host: hostname() }),
    });
  };
  return asInstanceOwner(root, async () => {
    if (create) prepareInstance(root);
    return withStore(context, settled, { create });
  });
}

/** The same for what may be the first thing that is made: makes an instance, and says so. */
export async function administerNew<T>(
  context: CommandContext,
  use: (administration: Administration) => Promise<T>,
): Promise<T> {
  requirePlace(context);
  const isNew = !instanceExists(context.root());
  const made = await administer(context, use, { create: true });
  if (isNew) context.io.out(`Made a new instance in ${context.root()}.\n`);
  return made;
}
