import { FileError, RemoteError } from "../errors.ts";
import type { Operations, RemoteHandle } from "../remote/operations.ts";
import type { ClientConnection } from "../remote/remote.ts";
import type { TransferEvent, TransferJob } from "../types.ts";
import type { Exclusion } from "./exclude.ts";
import type { Claim, Journal, JournalKey, JournalState } from "./journal.ts";
import type { LocalPlaces } from "./local.ts";
import type { LocalHasher } from "./local-hash.ts";
import type { Pace } from "./pace.ts";
import type { FileHash } from "./verify.ts";

/** Smaller files are sent again from the start: that is quicker than comparing what has arrived. */
export const JOURNAL_FROM = 1024 * 1024;

/** The journal hears of progress so often, in milliseconds. */
const JOURNAL_EVERY_MS = 500;

/** A server that doesn't answer CLOSE is not waited for when the person gave up, in milliseconds. */
const CLOSE_MS = 2_000;

/** All that the transfers of one job share. */
export interface TransferContext {
  readonly connection: ClientConnection;
  readonly journal: Journal;
  readonly hasher: LocalHasher;
  readonly job: TransferJob;
  readonly signal: AbortSignal;
  /** what is left out */
  readonly exclusion: Exclusion;
  /** local directories that files go into */
  readonly places: LocalPlaces;
  /** bounds the rate of all files together */
  readonly pace: Pace | undefined;
  emit(event: TransferEvent): void;
  /** large files under way now */
  active(): number;
}

/** How a file's transfer ended well. */
export type TransferEnd =
  | {
      readonly type: "done";
      /** bytes of the whole; more than the size that was told where a file of /proc has no size */
      readonly bytes: number;
      readonly hash?: FileHash;
      readonly unverified?: string;
    }
  | { readonly type: "skipped"; readonly reason: string };

/** Where a file goes on, and why not further on. */
export interface Start {
  readonly offset: number;
  readonly restarted?: string;
}

/** A file's place in the journal while it is transferred; small files have none. */
export class Progress {
  /** the name beside the target that holds the file; undefined: the target itself */
  part: string | undefined;
  readonly #claim: Claim | undefined;
  readonly #state: Omit<JournalState, "offset" | "part">;
  readonly #emit: (bytes: number) => void;
  #savedAt = 0;

  constructor(
    claim: Claim | undefined,
    state: Omit<JournalState, "offset" | "part">,
    emit: (bytes: number) => void,
  ) {
    this.#claim = claim;
    this.#state = state;
    this.#emit = emit;
  }

  at(offset: number): void {
    this.#emit(offset);
    if (this.#claim === undefined) return;
    const now = performance.now();
    if (this.#savedAt !== 0 && now - this.#savedAt < JOURNAL_EVERY_MS) return;
    this.#savedAt = now;
    this.save(offset);
  }

  /** A journal that can't be written costs the resume, not the transfer. */
  save(offset: number): void {
    const part = this.part === undefined ? {} : { part: this.part };
    try {
      this.#claim?.save({ ...this.#state, ...part, offset });
    } catch {}
  }

  drop(): void {
    try {
      this.#claim?.drop();
    } catch {}
  }
}

/**
 * Runs `work` as the only one that transfers this file.
 * @param wanted also where the journal knows nothing of it yet
 * @throws FileError when another process does
 */
export async function claimed<T>(
  { journal }: TransferContext,
  key: JournalKey,
  wanted: boolean,
  work: (claim: Claim | undefined) => Promise<T>,
): Promise<T> {
  const listed = wanted || (await journal.find(key)) !== undefined;
  const claim = listed ? await journal.claim(key).catch(() => journal.unlocked(key)) : undefined;
  if (typeof claim === "number") {
    throw new FileError(`${key.target}: process ${claim} transfers this file now`, "in-use", true);
  }
  try {
    return await work(claim);
  } finally {
    claim?.release();
  }
}

/** Closes a handle that is not needed any more; its status doesn't count. */
export async function letGo(
  operations: Operations,
  handle: RemoteHandle,
  signal: AbortSignal,
): Promise<void> {
  if (operations.channel.lost) return;
  await answered(operations.close(handle), signal, CLOSE_MS);
}

/**
 * Waits for an answer whose status doesn't count, and once the person gave up no longer than so many
 * milliseconds.
 */
export async function answered(
  answer: Promise<unknown>,
  signal: AbortSignal,
  longestMs: number,
): Promise<void> {
  await new Promise<void>((go) => {
    answer.then(
      () => go(),
      () => go(),
    );
    if (signal.aborted) setTimeout(go, longestMs).unref();
  });
}

/** An error of the line: the same is tried again on a new connection. */
export function isLost(error: unknown): boolean {
  return error instanceof RemoteError && error.lost;
}
