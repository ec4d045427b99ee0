import type { ByteString } from "../vfs/path.ts";
import type { DirectoryEntry } from "../vfs/types.ts";
import type { Call } from "./call.ts";
import { listEntries } from "./tree.ts";

/** Entries held at once: a larger directory is read again for each further batch. */
export const BATCH = 8_000;

export type Compare = (a: DirectoryEntry, b: DirectoryEntry) => number;

export interface SortedOptions {
  /** a total order */
  readonly compare: Compare;
  readonly wanted: (name: ByteString) => boolean;
  readonly batch?: number;
}

/**
 * A directory's entries in order, in batches, in memory that does not grow with the directory: each
 * pass keeps the first ones behind those that were given already.
 */
export async function* sortedEntries(
  call: Call,
  path: ByteString,
  { compare, wanted, batch = BATCH }: SortedOptions,
): AsyncGenerator<DirectoryEntry[]> {
  let last: DirectoryEntry | undefined;
  for (;;) {
    let kept: DirectoryEntry[] = [];
    let more = false;
    const cut = (): void => {
      kept.sort(compare);
      more ||= kept.length > batch;
      kept = kept.slice(0, batch);
    };
    for await (const entry of listEntries(call, path)) {
      if (!wanted(entry.name)) continue;
      if (last !== undefined && compare(entry, last) <= 0) continue;
      kept.push(entry);
      if (kept.length >= 2 * batch) cut();
    }
    cut();
    yield kept;
    if (!more) return;
    last = kept.at(-1);
  }
}
