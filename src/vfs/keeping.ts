import { type BigIntStats, linkSync, renameSync, type Stats, unlinkSync } from "node:fs";
import type { Books } from "./books.ts";
import { join, ROOT, type VirtualPath } from "./path.ts";
import type { Place } from "./place.ts";
import { inodeKey, pathBelow } from "./proc.ts";
import { isTemporary } from "./temporary-names.ts";
import type { Keeping } from "./trash.ts";

/**
 * Whether a file is kept when it loses its name there. On a full disk none is: who removes something
 * wants room.
 */
export function keepsAt(place: Place): boolean {
  const { trash, disk } = place.mount.ground;
  return trash.isOn && !place.isHidden && !isTemporary(place.name) && disk.has(0);
}

/** What has another name is not lost, and nothing is in an empty file. */
export function isWorthKeeping(stat: Stats | BigIntStats): boolean {
  return stat.isFile() && Number(stat.nlink) === 1 && stat.size > 0;
}

/** What is made ready for the file at a place. */
export interface KeepingHere extends Keeping {
  /** where the file is in its home */
  readonly from: VirtualPath;
}

/** Makes ready to keep what stands at a place. undefined: it can't be kept. */
export function prepareAt(place: Place): KeepingHere | undefined {
  const from = pathOf(place);
  const keeping = from && place.mount.ground.trash.prepare(from);
  return keeping && Object.assign(keeping, { from });
}

/** Where a place is in its home; undefined: nobody can tell. */
function pathOf(place: Place): VirtualPath | undefined {
  if (place.isSure) return place.path;
  const parent = pathBelow(place.mount.ground.fd, place.parent);
  return parent === undefined ? undefined : join(parent === "" ? ROOT : under(parent), place.name);
}

function under(path: string): VirtualPath {
  return `/${path}` as VirtualPath;
}

/**
 * Moves a file to the trash instead of removing it.
 * @param check throws when what stands there may not be removed
 * @returns the inode; undefined: it was not kept, and is where it was
 */
export async function keepInstead(
  books: Books,
  place: Place,
  check: (victim: BigIntStats) => void,
): Promise<string | undefined> {
  if (place.seen === undefined || !isWorthKeeping(place.seen)) return undefined;
  const inode = inodeKey(place.look());
  const keeping = prepareAt(place);
  if (keeping === undefined) return undefined;
  let isKept = false;
  const inspect = (): undefined => {
    const victim = place.grasp();
    check(victim);
    if (inodeKey(victim) !== inode || !isWorthKeeping(victim)) throw new Error("another file");
  };
  const perform = (): undefined => {
    renameSync(place.host, keeping.host);
    isKept = true;
  };
  try {
    const { id } = place.mount.ground;
    await books.rename(id, keeping.from, keeping.path, inode, inspect, perform);
    return inode;
  } catch (thrown) {
    if (isKept) throw thrown;
    // It is removed, or the removal says what is wrong.
    return undefined;
  } finally {
    keeping.close(isKept);
  }
}

/**
 * Puts a file at a place whose file is kept: it has a second name for a moment, so that at no moment
 * nothing stands there.
 * @param source the host's path of what is put there
 */
export function replaceKeeping(source: string | Buffer, place: Place, keeping: Keeping): void {
  const { host } = keeping;
  linkSync(place.host, host);
  try {
    renameSync(source, place.host);
  } catch (thrown) {
    unlinkSync(host);
    throw thrown;
  }
}
