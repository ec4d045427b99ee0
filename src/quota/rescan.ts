import { setImmediate as turn } from "node:timers/promises";
import { FsError } from "../errors.ts";
import type { LeaseStore } from "../store/leases.ts";
import type { LedgerStore } from "../store/ledger.ts";
import { existingHome } from "../vfs/homes.ts";
import { inodeKey } from "../vfs/proc.ts";
import { counts } from "../vfs/trash-names.ts";
import { type Found, tour } from "../vfs/walk.ts";

const ENTRIES_PER_TURN = 500;
const ATTEMPTS = 10;

/** What is in a home. */
export interface Measured {
  readonly bytes: number;
  readonly files: number;
}

/**
 * Walks a user's home and sets the usage to what is there, for files put there by other means.
 * Works beside a running server: starts over when the user's files changed meanwhile.
 * @param onProgress called now and then with the entries and bytes seen so far
 * @throws FsError EBUSY when the home keeps changing
 */
export async function rescan(
  store: { readonly ledger: LedgerStore; readonly leases: LeaseStore },
  root: string,
  account: { readonly id: number; readonly name: string },
  onProgress?: (entries: number, bytes: number) => void,
): Promise<Measured> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await store.leases.share(account.id);
    const mark = await store.ledger.mark(account.id);
    const held = await store.ledger.held(account.id);
    store.ledger.requireHomes();
    const home = existingHome(root, account.name);
    const found = await measure(home, held, onProgress).catch(whenMoved);
    if (found === undefined) continue;
    if (await store.ledger.correct(account.id, mark, found)) return found;
  }
  throw new FsError("EBUSY", `the files of ${account.name} keep changing: try again later`);
}

/** undefined when a directory was moved away from under the walk. */
function whenMoved(thrown: unknown): undefined {
  if (!(thrown instanceof FsError && thrown.code === "EBUSY")) throw thrown;
}

/**
 * Counts what is in a home as the books do.
 * @param held what open files are charged, by inode: they count with that, removed ones too
 * @throws FsError EBUSY when a directory was moved away from under the walk
 */
export async function measure(
  home: string | undefined,
  held: Map<string, number>,
  onProgress?: (entries: number, bytes: number) => void,
): Promise<Measured & Pick<Count, "grown">> {
  const count = new Count(held);
  let steps = 0;
  for (const found of home === undefined ? [] : tour(home)) {
    if (found?.kind === "entered") continue;
    steps += 1;
    if (found !== undefined && counts(found.path, found.stat.nlink)) count.add(found);
    if (found !== undefined && steps % ENTRIES_PER_TURN !== 0) continue;
    onProgress?.(count.files, count.bytes);
    await turn();
  }
  count.addRest();
  return count;
}

class Count implements Measured {
  readonly #held: Map<string, number>;
  readonly #seen = new Set<string>();
  /** open files that are larger than they are charged: other programs have written to them */
  readonly grown = new Map<string, number>();
  bytes = 0;
  files = 0;

  constructor(held: Map<string, number>) {
    this.#held = held;
  }

  add({ stat }: Found): void {
    this.files += 1;
    if (!stat.isFile()) return;
    const inode = inodeKey(stat);
    if (stat.nlink > 1n && this.#seen.has(inode)) return;
    if (stat.nlink > 1n) this.#seen.add(inode);
    const size = Number(stat.size);
    const charged = this.#held.get(inode) ?? size;
    if (size > charged) this.grown.set(inode, size);
    this.bytes += Math.max(size, charged);
    this.#held.delete(inode);
  }

  /** What is held open and was not met: removed files. */
  addRest(): void {
    for (const charged of this.#held.values()) this.bytes += charged;
  }
}
