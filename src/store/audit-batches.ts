import type { AuditEvent, AuditKind } from "./types.ts";

/** Many of these in a row say no more than how many they are. */
const BATCHED: ReadonlySet<AuditKind> = new Set(["upload", "download", "remove"]);

/** After a pause so long a new batch begins, in milliseconds. */
const MAX_PAUSE_MS = 60_000;
/** What a line may stand for: counting them must stay quick. */
const MAX_RECORDS = 10_000;
/** How long a batch may last, in milliseconds: who asks since when finds one that began before. */
export const MAX_SPAN_MS = 3_600_000;
/** Batches that may go on, over all sessions; of more, the ones that rested longest begin anew. */
const MAX_OPEN = 2_000;

interface Batch {
  readonly id: number;
  readonly records: number;
  readonly since: number;
  /** of the last one */
  readonly at: number;
}

function goesOn({ records, since, at: last }: Batch, at: number): boolean {
  const isSoon = Math.abs(at - last) <= MAX_PAUSE_MS && Math.abs(at - since) < MAX_SPAN_MS;
  return isSoon && records < MAX_RECORDS;
}

/**
 * Which records are shown as one line: what a session does of one kind in one directory, without a
 * long pause. Records that say something of their own, of transfers that broke off, are in none.
 */
export class AuditBatches {
  #open = new Map<string, Batch>();
  /** of the transaction that runs: it may run again */
  #staged = new Map<string, Batch>();

  /** To be called as a transaction begins. */
  begin(): void {
    this.#staged = new Map();
  }

  /** To be called once it is through. */
  commit(): void {
    for (const [key, batch] of this.#staged) {
      // What moves to the end of a map is the last to be forgotten.
      this.#open.delete(key);
      this.#open.set(key, batch);
    }
    this.#staged = new Map();
    for (const key of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN) break;
      this.#open.delete(key);
    }
  }

  /** The batch of a record that has got this id: its own id when it begins one. */
  of(id: number, at: number, event: AuditEvent): number | undefined {
    const key = keyOf(event);
    if (key === undefined) return undefined;
    const open = this.#staged.get(key) ?? this.#open.get(key);
    const batch =
      open !== undefined && goesOn(open, at)
        ? { ...open, records: open.records + 1, at }
        : { id, records: 1, since: at, at };
    this.#staged.set(key, batch);
    return batch.id;
  }
}

function keyOf({ kind, session, path, unfinished }: AuditEvent): string | undefined {
  if (!BATCHED.has(kind) || session === undefined || path === undefined || unfinished) {
    return undefined;
  }
  return `${session} ${kind} ${path.slice(0, path.lastIndexOf("/") + 1)}`;
}
