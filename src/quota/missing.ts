import { FsError } from "../errors.ts";
import { freeBytes } from "../store/slack.ts";
import type { BookView, Usage } from "../vfs/books.ts";
import type { Missing } from "../vfs/trash-sum.ts";

/** What is missing for a file to reach `end` bytes. */
export function missingForGrowth(inode: string, end: number): (book: BookView) => Missing {
  return (book) => {
    const growth = end - (book.charged(inode) ?? 0);
    return { bytes: growth > 0 ? growth - freeBytes(book.usage()) : 0, files: 0 };
  };
}

/** What is missing for one more directory entry. */
export function missingForFile(book: BookView): Missing {
  const { usedFiles, quotaFiles } = book.usage();
  return { bytes: 0, files: quotaFiles === null ? 0 : usedFiles + 1 - quotaFiles };
}

export function quotaExceeded({ usedBytes, quotaBytes }: Usage, needed: number): FsError {
  return new FsError(
    "EDQUOT",
    `Quota exceeded: ${usedBytes} of ${quotaBytes} bytes used, ${Math.max(1, needed)} more needed`,
  );
}

export function tooManyFiles({ usedFiles, quotaFiles }: Usage): FsError {
  return new FsError("EDQUOT", `Quota exceeded: ${usedFiles} of ${quotaFiles} files used`);
}
