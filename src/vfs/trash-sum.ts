import { fstatSync, lstatSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { ByteString } from "./path.ts";
import { below, inodeKey } from "./proc.ts";
import { names } from "./trash-list.ts";
import { isId } from "./trash-names.ts";

/** What there is no room for: 0 or less is none. */
export interface Missing {
  readonly bytes: number;
  /** directory entries */
  readonly files: number;
}

/** Files that are looked at in one turn of the event loop. */
const FILES_PER_TURN = 64;

/** A directory that was changed so long before it was read shows each later change by its time. */
const SETTLED_NS = 1_000_000_000n;

/** Homes of which it is remembered. */
const MAX_SUMS = 64;

interface Sum extends Missing {
  /** when a name was last added or removed, in nanoseconds since the epoch */
  readonly changedNs: bigint;
}

export function isNone({ bytes, files }: Missing): boolean {
  return bytes <= 0 && files <= 0;
}

export function lookAt(trash: number, name: ByteString) {
  return lstatSync(below(trash, name), { bigint: true, throwIfNoEntry: false });
}

/**
 * Tells whether all that is in the trash of a home would be enough. A trash may have a million files,
 * and who has no room may ask with each write: what was added up is remembered until a name is added or
 * removed there.
 */
export class TrashSums {
  readonly #sums = new Map<number, Sum>();

  /**
   * @param trash open (O_PATH)
   * @param held what is open: that frees no bytes
   */
  async isEnough(
    homeId: number,
    trash: number,
    held: ReadonlyMap<string, number>,
    wanted: Missing,
  ): Promise<boolean> {
    const changedNs = changeOf(trash);
    const known = this.#sums.get(homeId);
    if (known?.changedNs === changedNs) return isCovered(wanted, known);
    const startedNs = BigInt(Date.now()) * 1_000_000n;
    const total = { bytes: 0, files: 0 };
    let looked = 0;
    let anyOpen = false;
    for (const name of names(trash)) {
      looked += 1;
      if (looked % FILES_PER_TURN === 0) await turn();
      const stat = isId(name) ? lookAt(trash, name) : undefined;
      if (stat === undefined || stat.isDirectory()) continue;
      const isOpen = held.has(inodeKey(stat));
      anyOpen ||= isOpen;
      total.files += 1;
      if (stat.isFile() && stat.nlink === 1n && !isOpen) total.bytes += Number(stat.size);
      if (isCovered(wanted, total)) return true;
    }
    const isSettled = changedNs + SETTLED_NS < startedNs && changeOf(trash) === changedNs;
    if (isSettled && !anyOpen) this.#remember(homeId, { ...total, changedNs });
    return false;
  }

  #remember(homeId: number, sum: Sum): void {
    this.#sums.delete(homeId);
    const [first] = this.#sums.keys();
    if (this.#sums.size >= MAX_SUMS && first !== undefined) this.#sums.delete(first);
    this.#sums.set(homeId, sum);
  }
}

function isCovered(wanted: Missing, { bytes, files }: Missing): boolean {
  return wanted.bytes <= bytes && wanted.files <= files;
}

function changeOf(directory: number): bigint {
  return fstatSync(directory, { bigint: true }).mtimeNs;
}
