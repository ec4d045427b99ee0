import type { Marks, QuotaMarkStore } from "../store/quota-marks.ts";
import { MARKS, markOf } from "../text/fullness.ts";
import type { Usage } from "../vfs/books.ts";

/** A mark is left only so far below it, in percent of the quota: who is near it is told once. */
const HYSTERESIS = 3;

/** A user's usage went over a mark. */
export interface Crossing {
  readonly userId: number;
  readonly user: string;
  readonly of: "bytes" | "files";
  /** in percent of the quota */
  readonly mark: number;
  readonly used: number;
  readonly quota: number;
}

/** Where a usage stands that stood above `before`. */
export function nextMark(used: number, quota: number | null, before: number): number {
  const reached = markOf(used, quota);
  if (quota === null || quota <= 0 || reached >= before) return reached;
  const kept = MARKS.filter((mark) => mark <= before && used * 100 >= quota * (mark - HYSTERESIS));
  return Math.max(reached, ...kept);
}

function nextMarks({ usedBytes, quotaBytes, usedFiles, quotaFiles }: Usage, before: Marks): Marks {
  return {
    bytes: nextMark(usedBytes, quotaBytes, before.bytes),
    files: nextMark(usedFiles, quotaFiles, before.files),
  };
}

function isSame(one: Marks, other: Marks): boolean {
  return one.bytes === other.bytes && one.files === other.files;
}

/** The books, as far as marks need them. */
export interface MarkedBooks {
  /** The users whose books changed since the last call. */
  takeTouched(): ReadonlySet<number>;
  /** The user is among them the next time. */
  touch(userId: number): void;
  /** with nothing charged ahead of need */
  exactUsage(userId: number): Promise<Usage>;
}

/**
 * Looks whether those whose books changed went over a mark, and says so once, whatever the number of
 * processes. To be called every second or so, after the books were told to the store. Rejects when the
 * store can't be used: who was not looked at is at the next call.
 */
export async function lookAtMarks(
  books: MarkedBooks,
  store: Pick<QuotaMarkStore, "of" | "move">,
  crossed: (crossing: Crossing) => void,
): Promise<void> {
  const left = new Set(books.takeTouched());
  try {
    for (const userId of left) {
      for (const crossing of await crossingsOf(userId, books, store)) crossed(crossing);
      left.delete(userId);
    }
  } finally {
    for (const userId of left) books.touch(userId);
  }
}

async function crossingsOf(
  userId: number,
  books: MarkedBooks,
  store: Pick<QuotaMarkStore, "of" | "move">,
): Promise<Crossing[]> {
  const user = await store.of(userId);
  // What is charged ahead of need is no usage; but to give it back takes more than a look.
  if (user === undefined || isSame(nextMarks(user, user.marks), user.marks)) return [];
  const usage = await books.exactUsage(userId);
  const marks = nextMarks(usage, user.marks);
  if (isSame(marks, user.marks) || !(await store.move(userId, user.marks, marks))) return [];
  return crossings(user.name, userId, usage, user.marks, marks);
}

function crossings(
  user: string,
  userId: number,
  { usedBytes, quotaBytes, usedFiles, quotaFiles }: Usage,
  before: Marks,
  now: Marks,
): Crossing[] {
  const found: Crossing[] = [];
  if (now.bytes > before.bytes && quotaBytes !== null)
    found.push({ user, userId, of: "bytes", mark: now.bytes, used: usedBytes, quota: quotaBytes });
  if (now.files > before.files && quotaFiles !== null)
    found.push({ user, userId, of: "files", mark: now.files, used: usedFiles, quota: quotaFiles });
  return found;
}
