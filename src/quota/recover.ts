import { fstatSync } from "node:fs";
import { toFsError } from "../errors.ts";
import { requireHomes } from "../store/belongings.ts";
import type { Intent, JournalRow, LedgerStore, Outcome } from "../store/ledger.ts";
import { existingHome } from "../vfs/homes.ts";
import { inodeKey, Jail } from "../vfs/jail.ts";
import { type ByteString, bytes } from "../vfs/path.ts";
import { walk } from "../vfs/walk.ts";

interface Journals {
  readonly ledger: LedgerStore;
  readonly nodes: {
    dead(): Promise<readonly { readonly id: string }[]>;
    remove(id: string): Promise<unknown>;
  };
}

/**
 * Settles what processes that died have left in the journal, so that usage equals the disk again.
 * Looks at the files that were open only; several processes may do it at once. What can't be settled
 * stays charged and keeps nothing else from it; the first such failure rejects at the end.
 */
export async function recover(store: Journals, root: string): Promise<void> {
  const failures: unknown[] = [];
  for (const { id } of await store.nodes.dead()) {
    const before = failures.length;
    const attempt = (work: Promise<unknown>) => work.catch((thrown) => failures.push(thrown));
    await attempt(store.ledger.resolveIntent(id, (intent, user) => happened(root, intent, user)));
    for (const row of await store.ledger.journalOf(id)) {
      await attempt(store.ledger.settle(row, () => outcome(root, row), id));
    }
    if (failures.length === before) await store.nodes.remove(id);
  }
  if (failures.length > 0) throw failures[0];
}

/** Whether an intent was carried out: the entry was made, moved, or is gone. */
export function happened(root: string, intent: Intent, user: string): boolean {
  const standing = inHome(root, user, (jail) => look(jail, bytes(intent.path)));
  if (intent.kind === "create") return standing !== undefined;
  if (intent.kind === "rename") return standing?.inode === intent.moved;
  return standing?.inode !== intent.victim?.inode;
}

/** What became of a file that was open, by its path, or where that fails by a search. */
export function outcome(root: string, row: JournalRow): Outcome {
  const gone: Outcome = { size: 0, linked: false };
  const standing = inHome(root, row.userName, (jail) => look(jail, bytes(row.path)));
  const found = standing?.inode === row.inode ? standing : undefined;
  if (found !== undefined) return { size: found.size, linked: true };
  // Removed; or moved by another process just as this one died: then only a search can tell.
  return row.unlinked ? gone : (search(root, row) ?? gone);
}

interface Standing {
  readonly inode: string;
  readonly size: number;
}

function inHome<T>(root: string, user: string, act: (jail: Jail) => T): T | undefined {
  // Where no homes are, nothing says what became of what was in them.
  requireHomes(root);
  const home = existingHome(root, user);
  if (home === undefined) return undefined;
  const jail = new Jail(home);
  try {
    return act(jail);
  } finally {
    jail.close();
  }
}

function look(jail: Jail, path: ByteString): Standing | undefined {
  try {
    const place = jail.locate(path, false);
    try {
      if (place.target === undefined) return undefined;
      const stat = fstatSync(place.target, { bigint: true });
      return { inode: inodeKey(stat), size: stat.isFile() ? Number(stat.size) : 0 };
    } finally {
      place.close();
    }
  } catch (thrown) {
    const { code } = toFsError(thrown);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return undefined;
    throw thrown;
  }
}

function search(root: string, { inode, userName }: JournalRow): Outcome | undefined {
  const home = existingHome(root, userName);
  if (home === undefined) return undefined;
  for (const stat of walk(home)) {
    if (inodeKey(stat) === inode) return { size: Number(stat.size), linked: true };
  }
  return undefined;
}
