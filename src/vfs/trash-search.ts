import { FsError } from "../errors.ts";
import type { TrashedFile, UserTrash } from "./types.ts";

/**
 * The files that are meant by IDs or paths; of a path the newest one.
 * @param operands IDs, or canonical paths
 * @returns in their order; undefined: nothing of that ID or path is in the trash
 */
export async function findTrashed(
  trash: UserTrash,
  operands: readonly string[],
): Promise<(TrashedFile | undefined)[]> {
  const wanted = new Set(operands);
  const found = new Map<string, TrashedFile>();
  for await (const file of trash.list()) {
    if (wanted.has(file.id)) found.set(file.id, file);
    const before = found.get(file.path);
    if (wanted.has(file.path) && (before === undefined || before.id < file.id)) {
      found.set(file.path, file);
    }
  }
  return operands.map((operand) => found.get(operand));
}

/** What is in a trash, or some of it, removed for good. */
export interface Emptied {
  readonly files: number;
  /** that they had */
  readonly bytes: number;
}

/**
 * Removes files for good.
 * @param ids without them all that the user may remove
 * @param stop is asked before each file
 */
export async function emptyTrash(
  trash: UserTrash,
  ids?: readonly string[],
  stop: () => boolean = () => false,
): Promise<Emptied> {
  let files = 0;
  let bytes = 0;
  const remove = async (id: string): Promise<void> => {
    const removed = await removeOne(trash, id, ids === undefined);
    if (removed === undefined) return;
    files += 1;
    bytes += removed.size;
  };
  if (ids !== undefined) for (const id of ids) await remove(id);
  else {
    for await (const { id } of trash.list()) {
      if (stop()) break;
      await remove(id);
    }
  }
  return { files, bytes };
}

/** @param isAll what others removed meanwhile, or the user may not remove, is left out */
async function removeOne(
  trash: UserTrash,
  id: string,
  isAll: boolean,
): Promise<TrashedFile | undefined> {
  try {
    return await trash.remove(id);
  } catch (thrown) {
    const code = thrown instanceof FsError ? thrown.code : undefined;
    if (isAll && (code === "ENOENT" || code === "EACCES")) return undefined;
    throw thrown;
  }
}
