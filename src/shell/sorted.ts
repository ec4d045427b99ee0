import type { ByteString } from "../vfs/path.ts";
import type { DirectoryEntry } from "../vfs/types.ts";
import type { Call } from "./call.ts";
import { type Compare, Runs } from "./runs.ts";
import { listEntries } from "./tree.ts";

/** Entries given at once. */
export const BATCH = 8_000;

/**
 * Entries that all listings of the process hold together beyond two batches each: about 60 MB. A
 * directory that doesn't fit is read again for what is behind, so it is worth a lot to hold much.
 */
const SHARED = 256_000;

let left = SHARED;

export type { Compare };

export interface SortedOptions {
  /** a total order */
  readonly compare: Compare;
  readonly wanted: (name: ByteString) => boolean;
  readonly batch?: number;
}

/**
 * A directory's entries in order, in batches, in memory that does not grow with the directory: each
 * pass over it keeps the first ones behind those that were given already, as many as there is room
 * for.
 */
export async function* sortedEntries(
  call: Call,
  path: ByteString,
  { compare, wanted, batch = BATCH }: SortedOptions,
): AsyncGenerator<DirectoryEntry[]> {
  const room = new Room(batch);
  let last: DirectoryEntry | undefined;
  try {
    for (let more = true; more; ) {
      more = false;
      let kept = new Runs(compare);
      for await (const entry of listEntries(call, path)) {
        if (!wanted(entry.name)) continue;
        if (last !== undefined && compare(entry, last) <= 0) continue;
        kept.add(entry);
        if (kept.length < 2 * room.entries || room.double()) continue;
        more = true;
        kept = await kept.first(room.entries, call);
      }
      // Behind these some may be missing, if any were left out.
      const sure = more ? Math.min(kept.length, room.entries) : kept.length;
      for await (const entries of batches(kept, sure, batch, call)) {
        last = entries.at(-1);
        yield entries;
      }
    }
  } finally {
    room.leave();
  }
}

/** The first `count` in batches; one empty batch for nothing at all. */
async function* batches(
  runs: Runs,
  count: number,
  size: number,
  call: Call,
): AsyncGenerator<DirectoryEntry[]> {
  let batch: DirectoryEntry[] = [];
  let given = 0;
  for (const entry of runs.inOrder()) {
    if (given + batch.length >= count) break;
    await call.step();
    batch.push(entry);
    if (batch.length < size) continue;
    given += batch.length;
    yield batch;
    batch = [];
  }
  if (batch.length > 0 || count === 0) yield batch;
}

/** How many entries a listing may go on with, and up to twice as many until then. */
class Room {
  entries: number;
  readonly #own: number;

  constructor(own: number) {
    this.#own = own;
    this.entries = own;
  }

  /** False when all listings together hold enough. */
  double(): boolean {
    const needed = 2 * this.entries;
    if (needed > left) return false;
    left -= needed;
    this.entries *= 2;
    return true;
  }

  leave(): void {
    left += 2 * (this.entries - this.#own);
    this.entries = this.#own;
  }
}
