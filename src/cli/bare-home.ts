import { Access } from "../access/access.ts";
import type { Config } from "../config/types.ts";
import { Ledger } from "../quota/ledger.ts";
import type { Store } from "../store/store.ts";
import { Evidence } from "../vfs/evidence.ts";
import { openHome } from "../vfs/home.ts";
import type { UserFileSystem } from "../vfs/types.ts";

/** Opens a home or folder alone, with no rules, from a process that serves nobody. */
export async function openBareHome(
  {
    store,
    root,
    config,
  }: { readonly store: Store; readonly root: string; readonly config: Config },
  home: { readonly id: number; readonly name: string },
): Promise<UserFileSystem> {
  const trashKeep = await store.trash.keepOf(home.id);
  return openHome({
    root,
    account: home,
    books: new Ledger(store, new Evidence(store.ledger)),
    keep: () => config.trash.keep,
    plan: async () => ({ folders: [], access: new Access([]), trashKeep }),
  });
}
