import { type BigIntStats, closeSync, fstatSync, lstatSync, openSync } from "node:fs";
import { toFsError } from "../errors.ts";
import { requireHomes } from "../store/belongings.ts";
import type { Intent, JournalRow, LedgerStore, Outcome } from "../store/ledger.ts";
import { existingHome } from "../vfs/homes.ts";
import { Jail } from "../vfs/jail.ts";
import { type ByteString, bytes } from "../vfs/path.ts";
import { below, DIRECTORY, inodeKey } from "../vfs/proc.ts";
import { type Found, walk } from "../vfs/walk.ts";

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
  const standing = inHome(root, user, (jail, home) => standingAt(jail, home, intent));
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
  // Removed; or its path was not the whole one, or another process moved it just as this one died:
  // then only a search can tell.
  return row.unlinked ? gone : (searchFile(root, row) ?? gone);
}

interface Standing {
  readonly inode: string;
  readonly size: number;
  /** the inode of the directory that holds it */
  readonly inside: string;
}

function inHome<T>(
  root: string,
  user: string,
  act: (jail: Jail, home: string) => T,
): T | undefined {
  // Where no homes are, nothing says what became of what was in them.
  requireHomes(root);
  const home = existingHome(root, user);
  if (home === undefined) return undefined;
  const jail = new Jail(home);
  try {
    return act(jail, home);
  } finally {
    jail.close();
  }
}

/** What stands at an intent's name. Where its path is not sure, its directory is looked for. */
function standingAt(jail: Jail, home: string, { path, inside }: Intent): Standing | undefined {
  const standing = look(jail, bytes(path));
  if (inside === undefined || standing?.inside === inside) return standing;
  const directory = search(home, inside, ({ host }) => openSync(host, DIRECTORY));
  if (directory === undefined) return undefined;
  try {
    const name = bytes(path.subarray(path.lastIndexOf("/") + 1));
    const stat = lstatSync(below(directory, name), { bigint: true, throwIfNoEntry: false });
    return stat && standingOf(stat, inside);
  } finally {
    closeSync(directory);
  }
}

function look(jail: Jail, path: ByteString): Standing | undefined {
  try {
    const place = jail.locate(path, false);
    try {
      if (place.target === undefined) return undefined;
      const inside = inodeKey(fstatSync(place.parent, { bigint: true }));
      return standingOf(fstatSync(place.target, { bigint: true }), inside);
    } finally {
      place.close();
    }
  } catch (thrown) {
    const { code } = toFsError(thrown);
    if (NOWHERE.has(code)) return undefined;
    throw thrown;
  }
}

/** A path that leads nowhere, or is one that no client may name. */
const NOWHERE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

function standingOf(stat: BigIntStats, inside: string): Standing {
  return { inode: inodeKey(stat), size: stat.isFile() ? Number(stat.size) : 0, inside };
}

function searchFile(root: string, { userName, inode }: JournalRow): Outcome | undefined {
  const home = existingHome(root, userName);
  return search(home, inode, ({ stat }) => ({ size: Number(stat.size), linked: true }));
}

/** Looks through a whole home. Undefined: it is not there. */
function search<T>(
  home: string | undefined,
  inode: string,
  found: (found: Found) => T,
): T | undefined {
  for (const one of home === undefined ? [] : walk(home)) {
    if (one !== undefined && inodeKey(one.stat) === inode) return found(one);
  }
  return undefined;
}
