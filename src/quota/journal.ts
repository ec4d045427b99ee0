import type { JournalRecord } from "../store/journal-file.ts";
import type { EntryChange, FileState, Inspected, Removed, Witness } from "../vfs/books.ts";
import type { Book } from "./book.ts";

/** What is about to be done to directory entries. Paths are raw bytes as latin1. */
export interface IntentEvent {
  readonly kind: "create" | "remove" | "rename";
  readonly path: string;
  readonly inside?: string | undefined;
  /** create: a file, which is open from then on */
  readonly file?: boolean;
  readonly from?: string;
  readonly moved?: string;
  /** rename: the name that what stood at `path` has from then on */
  readonly kept?: string;
  readonly victim?: Inspected | undefined;
}

/** What came of the intent before. */
export type OutcomeEvent =
  | { readonly kind: "done"; readonly inode?: string; readonly removed?: Removed | undefined }
  | { readonly kind: "failed" };

/** What becomes of an open file. A file that is not said to be open has the size that it had. */
export type FileEvent =
  /** it may change from now on */
  | {
      readonly kind: "opened";
      readonly inode: string;
      readonly path: string;
      readonly charged: number;
    }
  | ({ readonly kind: "closed"; readonly inode: string } & FileState)
  /** it had another size than the book said */
  | { readonly kind: "corrected"; readonly bytes: number };

/** An entry of the journal of a process that holds a home. */
export type JournalEvent = IntentEvent | OutcomeEvent | FileEvent;

/** The rows of a dead process's book are never closed one by one. */
const ANY_ROW = 0;

/**
 * Makes a book what its process made of it before it died: the book as the store was told last,
 * then the journal, then a look at the disk for the last record and for the files that were open.
 * @returns how many changes were made
 */
export function replay(
  book: Book,
  user: string,
  records: readonly JournalRecord[],
  witness: Witness,
): number {
  const events = records.flatMap((record) => record.events as readonly JournalEvent[]);
  let open: IntentEvent | undefined;
  for (const event of events) open = apply(book, event, open);
  if (open !== undefined) resolve(book, user, open, witness);
  const files = [...book.files()];
  for (const { inode, path, unlinked } of files) {
    const file = { userName: user, path: Buffer.from(path, "latin1"), inode, unlinked };
    book.closeAll(inode, witness.outcome(file));
  }
  return events.length + files.length;
}

/** @returns the intent of which nothing is known yet */
function apply(
  book: Book,
  event: JournalEvent,
  intent: IntentEvent | undefined,
): IntentEvent | undefined {
  switch (event.kind) {
    case "create":
    case "remove":
    case "rename":
      return event;
    case "done":
      if (intent !== undefined) carriedOut(book, intent, event);
      return undefined;
    case "failed":
      return undefined;
    case "opened":
      book.open(event.inode, event.path, ANY_ROW, event.charged, true);
      return intent;
    case "closed":
      book.closeAll(event.inode, event);
      return intent;
    case "corrected":
      book.add(event.bytes, 0);
      return intent;
  }
}

/** Books what was done. */
export function carriedOut(
  book: Book,
  { kind, path, from, kept, victim }: IntentEvent,
  { inode, removed }: { readonly inode?: string; readonly removed?: Removed | undefined },
): void {
  if (kind === "create") book.add(0, 1);
  if (inode !== undefined) book.open(inode, path, ANY_ROW, 0, true);
  if (kept !== undefined) book.follow(path, kept);
  if (from !== undefined) book.follow(from, path);
  if (victim !== undefined) book.removed(removed);
}

/** The process died before it wrote what came of its last intent. */
function resolve(book: Book, user: string, intent: IntentEvent, witness: Witness): void {
  const change = toChange(intent);
  const isDone = witness.happened(change, user);
  if (!isDone) witness.undo(change, user);
  if (!isDone) return;
  const { victim } = intent;
  // What was written to a new file since is its size.
  const standing = intent.file === true ? witness.standing(change, user) : undefined;
  if (standing !== undefined) book.add(standing.size, 0);
  carriedOut(book, intent, { removed: victim && { ...victim, last: victim.size > 0 } });
}

function toChange({ kind, path, inside, from, moved, kept, victim }: IntentEvent): EntryChange {
  return {
    ...{ kind, path: Buffer.from(path, "latin1"), inside },
    ...(from === undefined ? {} : { from: Buffer.from(from, "latin1") }),
    ...(moved === undefined ? {} : { moved }),
    ...(kept === undefined ? {} : { kept: Buffer.from(kept, "latin1") }),
    ...(victim === undefined ? {} : { victim }),
  };
}
