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
  /** with nothing charged ahead of need */
  exactUsage(userId: number): Promise<Usage>;
}

/**
 * Looks whether those whose books changed went over a mark, and says so once, whatever the number of
 * processes. To be called every second or so, after the books were told to the store.
 */
export async function lookAtMarks(
  books: MarkedBooks,
  store: QuotaMarkStore,
  crossed: (crossing: Crossing) => void,
): Promise<void> {
  for (const userId of books.takeTouched()) {
    const user = await store.of(userId);
    // What is charged ahead of need is no usage; but to give it back takes more than a look.
    if (user === undefined || isSame(nextMarks(user, user.marks), user.marks)) continue;
    const usage = await books.exactUsage(userId);
    const marks = nextMarks(usage, user.marks);
    if (isSame(marks, user.marks) || !(await store.move(userId, user.marks, marks))) continue;
    for (const crossing of crossings(user.name, userId, usage, user.marks, marks)) {
      crossed(crossing);
    }
  }
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
