import type { Logger } from "pino";
import { Access } from "../access/access.ts";
import type { Config } from "../config/types.ts";
import { planFor } from "../control/access.ts";
import type { DigestService } from "../digests/service.ts";
import { errorName } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { openHome } from "../vfs/home.ts";
import type { VirtualPath } from "../vfs/path.ts";
import type { PlannedFolder, TreeParts, TreePlan } from "../vfs/plan.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type { Parts } from "./parts.ts";

interface Instance {
  /** the instance's directory */
  readonly root: string;
  readonly store: Store;
  readonly log: Logger;
  /** the settings in force */
  readonly config: Pick<Config, "trash">;
}

/** Opens what a user sees: the home, with folders and by rules as the store has them. */
export async function openTree(
  instance: Instance,
  { ledger, space }: Pick<Parts, "ledger" | "space">,
  contents: DigestService,
  account: { readonly id: number; readonly name: string },
): Promise<UserFileSystem> {
  const { root, config, store } = instance;
  store.nodes.requireTouch();
  const plan = treeParts(instance, account);
  const keep = (): number => config.trash.keep;
  return openHome({ root, account, books: ledger, contents, space, keep, ...plan });
}

/** Opens a home or folder alone, with no rules: for administrators. */
export async function openBare(
  { root, store, config }: Pick<Instance, "root" | "store" | "config">,
  { ledger, space }: Pick<Parts, "ledger" | "space">,
  contents: DigestService | undefined,
  home: { readonly id: number; readonly name: string },
): Promise<UserFileSystem> {
  const trashKeep = await store.trash.keepOf(home.id);
  const plan = async (): Promise<TreePlan> => ({ folders: [], access: new Access([]), trashKeep });
  const keep = (): number => config.trash.keep;
  const watched = contents && { contents };
  return openHome({ root, account: home, books: ledger, ...watched, space, keep, plan });
}

function treeParts(
  { store, log }: Instance,
  account: { readonly id: number; readonly name: string },
): Pick<TreeParts, "plan" | "onMissing"> {
  return {
    plan: async (): Promise<TreePlan> => {
      const { mounts, access } = await planFor(store, account.id);
      const folders: PlannedFolder[] = [];
      for (const { at, ...folder } of mounts) {
        const trashKeep = await store.trash.keepOf(folder.id);
        folders.push({ ...folder, at: at as VirtualPath, trashKeep });
      }
      return { folders, access, trashKeep: await store.trash.keepOf(account.id) };
    },
    onMissing: (folder, error) => {
      log.error({ user: account.name, folder, error: errorName(error) }, "folder left out");
    },
  };
}
