import { join } from "node:path";
import { Book } from "../../src/quota/book.ts";
import { replay } from "../../src/quota/journal.ts";
import type { Connection } from "../../src/store/connection.ts";
import { readJournal } from "../../src/store/journal-file.ts";
import { toRow } from "../../src/store/lease-statements.ts";
import type { Account } from "../../src/store/types.ts";
import type { Books, Usage } from "../../src/vfs/books.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { acting } from "./held-faults.ts";
import type { TestInstance } from "./instance.ts";

/**
 * What recovery would make of a home that the instance holds, if its process were killed now.
 * Changes nothing. Undefined: the instance does not hold the home.
 */
export function afterKill(
  connection: Connection,
  { root, store }: TestInstance,
  { id, name }: Account,
): { bytes: number; files: number } | undefined {
  const told = connection
    .prepare(
      `SELECT used_bytes AS "usedBytes", used_files AS "usedFiles",
       quota_bytes AS "quotaBytes", quota_files AS "quotaFiles", folded FROM homes WHERE id = ? AND holder = ?`,
    )
    .get(id, store.nodeId) as (Usage & { folded: number }) | undefined;
  if (told === undefined) return undefined;
  const rows = connection
    .prepare(
      `SELECT number AS row, inode, path, charged, slack, unlinked, frozen FROM open_files
       WHERE user_id = ? AND node_id = ?`,
    )
    .all(id, store.nodeId)
    .map(toRow);
  const book = new Book({ ...told, rows });
  const records = readJournal(join(root, "db"), store.nodeId).filter(
    ({ userId, number }) => userId === id && number > told.folded,
  );
  replay(book, name, records, new Evidence(store.ledger));
  return { bytes: book.usedBytes, files: book.usedFiles };
}

/** Books that call `look` before and after each change of the disk that they allow. */
export function looking(books: Books, look: () => void): Books {
  return acting(books, (perform) => {
    look();
    const result = perform();
    look();
    return result;
  });
}
