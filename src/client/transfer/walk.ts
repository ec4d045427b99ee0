import { errnoOf, localError, RemoteError } from "../errors.ts";
import type { RemoteAttrs } from "../types.ts";
import type { GetItem } from "./get-file.ts";
import type { PutItem } from "./put-place.ts";

/** A directory is filled by its owner, whatever mode it gets in the end. */
export const OWNER = 0o700;

/** Names of one directory that are held at once. */
export const MOST_NAMES = 1_000_000;

/** What a job consists of, as it is found. */
export type Found =
  | { readonly type: "get"; readonly item: Omit<GetItem, "file"> }
  | { readonly type: "put"; readonly item: Omit<PutItem, "file"> }
  | {
      readonly type: "skipped";
      readonly source: string;
      readonly reason: string;
      /** what the job counts for it, in bytes; undefined: nothing */
      readonly size?: number;
    }
  | { readonly type: "failed"; readonly source: string; readonly error: unknown }
  /** once everything before it is complete */
  | { readonly type: "later"; readonly run: () => Promise<void> }
  /**
   * in the target, and not in the source; once everything else is complete and nothing failed. False
   * when a part of it stays
   */
  | { readonly type: "surplus"; readonly target: string; readonly run: () => Promise<boolean> };

export type Walk = AsyncGenerator<Found, void, undefined>;

export function failed(source: string, error: unknown): Found {
  const known = errnoOf(error) === undefined ? error : localError(source, error);
  return { type: "failed", source, error: known };
}

export function isLost(error: unknown): boolean {
  return error instanceof RemoteError && error.lost;
}

/** Takes the owner's bits away again that `mode` doesn't have; the umask, and setgid, stay. */
export function withoutExtra(made: number, mode: number): number {
  return made & ~(OWNER & ~mode);
}

export const SAME = "is there already";

/** By size and time, as rsync compares. Times in seconds. */
export function looksSame(
  one: Pick<RemoteAttrs, "size" | "mtime">,
  other: Pick<RemoteAttrs, "size" | "mtime">,
): boolean {
  return one.size === other.size && one.mtime === other.mtime;
}
