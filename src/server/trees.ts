import type { Logger } from "pino";
import { planFor } from "../control/access.ts";
import type { DigestService } from "../digests/service.ts";
import { errorName } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { openHome } from "../vfs/home.ts";
import type { VirtualPath } from "../vfs/path.ts";
import type { TreeParts, TreePlan } from "../vfs/plan.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type { Parts } from "./parts.ts";

interface Instance {
  /** the instance's directory */
  readonly root: string;
  readonly store: Store;
  readonly log: Logger;
}

/** Opens what a user sees: the home, with folders and by rules as the store has them. */
export function openTree(
  instance: Instance,
  { ledger, space }: Pick<Parts, "ledger" | "space">,
  contents: DigestService,
  account: { readonly id: number; readonly name: string },
): Promise<UserFileSystem> {
  const { root } = instance;
  const plan = treeParts(instance, account);
  return openHome({ root, account, books: ledger, contents, space, ...plan });
}

function treeParts(
  { store, log }: Instance,
  account: { readonly id: number; readonly name: string },
): Pick<TreeParts, "plan" | "onMissing"> {
  return {
    plan: async (): Promise<TreePlan> => {
      const { mounts, access } = await planFor(store, account.id);
      const folders = mounts.map(({ at, ...folder }) => ({ ...folder, at: at as VirtualPath }));
      return { folders, access };
    },
    onMissing: (folder, error) => {
      log.error({ user: account.name, folder, error: errorName(error) }, "folder left out");
    },
  };
}
