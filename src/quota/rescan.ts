import { setImmediate as turn } from "node:timers/promises";
import { FsError } from "../errors.ts";
import type { LedgerStore } from "../store/ledger.ts";
import { existingHome } from "../vfs/homes.ts";
import { inodeKey } from "../vfs/jail.ts";
import { walk } from "../vfs/walk.ts";

const ENTRIES_PER_TURN = 500;
const ATTEMPTS = 10;

/**
 * Walks a user's home and sets the usage to what is there, for files put there by other means.
 * Works beside a running server: starts over when the user's files changed meanwhile.
 * @param onProgress called now and then with the entries and bytes seen so far
 * @throws FsError EBUSY when the home keeps changing
 */
export async function rescan(
  store: { readonly ledger: LedgerStore },
  root: string,
  account: { readonly id: number; readonly name: string },
  onProgress?: (entries: number, bytes: number) => void,
): Promise<{ bytes: number; files: number }> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const mark = await store.ledger.mark(account.id);
    const held = await store.ledger.held(account.id);
    store.ledger.requireHomes();
    const home = existingHome(root, account.name);
    const { bytes, files } = await measure(home, held, onProgress);
    if (await store.ledger.correct(account.id, mark, bytes, files)) return { bytes, files };
  }
  throw new FsError("EBUSY", `the files of ${account.name} keep changing: try again later`);
}

/** @param held what open files are charged, by inode: they count with that, removed ones too */
async function measure(
  home: string | undefined,
  held: Map<string, number>,
  onProgress?: (entries: number, bytes: number) => void,
): Promise<{ bytes: number; files: number }> {
  const seen = new Set<string>();
  let bytes = 0;
  let files = 0;
  for (const stat of home === undefined ? [] : walk(home)) {
    files += 1;
    if (files % ENTRIES_PER_TURN === 0) {
      onProgress?.(files, bytes);
      await turn();
    }
    if (!stat.isFile()) continue;
    const inode = inodeKey(stat);
    if (stat.nlink > 1n && seen.has(inode)) continue;
    if (stat.nlink > 1n) seen.add(inode);
    bytes += Math.max(Number(stat.size), held.get(inode) ?? 0);
    held.delete(inode);
  }
  for (const charged of held.values()) bytes += charged;
  return { bytes, files };
}
