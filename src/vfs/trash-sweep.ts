import { lstatSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { Books } from "./books.ts";
import { letGo } from "./let-go.ts";
import type { ByteString } from "./path.ts";
import { below } from "./proc.ts";
import { dropOrigin, openTrashOf } from "./trash.ts";
import { names, pages } from "./trash-list.ts";
import { kindOf, successorOf, timeOf } from "./trash-names.ts";
import { removeFrom } from "./trash-room.ts";

/** What is made with a file is there at the same time or a little earlier, in milliseconds. */
const SETTLED_MS = 60 * 60 * 1000;

/** Names that are read in one turn of the event loop. */
const NAMES_PER_TURN = 256;

interface Options {
  /** what was removed earlier is removed for good; milliseconds since the epoch. Absent: nothing is */
  readonly before?: number | undefined;
  /** files that are removed at most */
  readonly most: number;
  /** also what processes that died have left is put in order, which takes reading all names */
  readonly tidy: boolean;
  readonly now: number;
}

/**
 * Removes from the trash of a home what has been there long enough, the oldest first.
 * @param root the instance's directory
 * @returns how many files were removed; `most`: there may be more
 */
export async function sweep(
  root: string,
  home: { readonly id: number; readonly name: string },
  books: Pick<Books, "remove">,
  options: Options,
): Promise<number> {
  const trash = openTrashOf(root, home.name);
  if (trash === undefined) return 0;
  try {
    let removed = 0;
    if (options.before !== undefined) {
      removed = await expire(trash, home.id, books, { ...options, before: options.before });
    }
    if (options.tidy) removed += await tidy(trash, home.id, books, options);
    return removed;
  } finally {
    letGo(trash);
  }
}

async function expire(
  trash: number,
  homeId: number,
  books: Pick<Books, "remove">,
  { before, most }: { readonly before: number; readonly most: number },
): Promise<number> {
  let removed = 0;
  for await (const page of pages(trash)) {
    for (const name of page) {
      if (timeOf(name) >= before || removed >= most) return removed;
      if ((await removeFrom(books, homeId, trash, name)) !== undefined) removed += 1;
      await turn();
    }
  }
  return removed;
}

/** What says where files were that are not there any more, and files that took no other's place. */
async function tidy(
  trash: number,
  homeId: number,
  books: Pick<Books, "remove">,
  { most, now }: Options,
): Promise<number> {
  let removed = 0;
  let read = 0;
  for (const name of names(trash)) {
    read += 1;
    if (read % NAMES_PER_TURN === 0) await turn();
    if (removed >= most) return removed;
    const found = kindOf(name);
    if (found === undefined || timeOf(found.of) > now - SETTLED_MS) continue;
    if (found.kind === "origin" && !isThere(trash, found.of)) dropOrigin(trash, found.of);
    if (found.kind !== "successor") continue;
    const left = successorOf(found.of);
    if ((await removeFrom(books, homeId, trash, left)) !== undefined) removed += 1;
  }
  return removed;
}

function isThere(trash: number, name: ByteString): boolean {
  return lstatSync(below(trash, name), { throwIfNoEntry: false }) !== undefined;
}
