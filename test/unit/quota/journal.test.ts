import { expect, test } from "vitest";
import { Book } from "../../../src/quota/book.ts";
import { HeldHome } from "../../../src/quota/held-home.ts";
import { replay } from "../../../src/quota/journal.ts";
import type { JournalRecord } from "../../../src/store/journal-file.ts";
import type { OpenBook } from "../../../src/store/leases.ts";
import type { Witness } from "../../../src/vfs/books.ts";

const EMPTY: OpenBook = {
  usedBytes: 0,
  usedFiles: 0,
  quotaBytes: null,
  quotaFiles: null,
  rows: [],
};

/** A home whose store and journal are kept here. */
class Kept {
  readonly home: HeldHome;
  readonly #records: JournalRecord[] = [];
  #told: OpenBook;
  #rows = 0;

  constructor(book: OpenBook) {
    this.#told = book;
    this.home = new HeldHome(
      {
        userId: 1,
        append: (userId, events) => {
          const number = this.#records.length + 1;
          // As it comes back from the disk.
          this.#records.push(JSON.parse(JSON.stringify({ number, userId, events })));
        },
        nextRow: () => {
          this.#rows += 1;
          return this.#rows;
        },
      },
      book,
    );
  }

  fold(): void {
    const fold = this.home.toFold(false);
    this.#told = { ...fold, quotaBytes: null, quotaFiles: null };
    this.home.folded(fold);
    this.#records.splice(0);
  }

  /** What recovery makes of it. */
  afterKill(witness: Partial<Witness>): { bytes: number; files: number } {
    const book = new Book(this.#told);
    const all: Witness = {
      happened: () => false,
      undo: () => {},
      standing: () => undefined,
      outcome: () => ({ size: 0, linked: false }),
      ...witness,
    };
    replay(book, "ann", this.#records, all);
    return { bytes: book.usedBytes, files: book.usedFiles };
  }
}

test("a file read and removed, and a new one with its inode: after a kill the new one counts", async () => {
  const kept = new Kept({ ...EMPTY, usedBytes: 100, usedFiles: 1 });
  const { home } = kept;
  const [old, name] = [{ inode: "i", size: 100 }, Buffer.from("f")];
  const read = await home.open(1, name, () => old, false);
  await home.remove(
    1,
    name,
    () => old,
    () => ({ ...old, last: true }),
  );
  kept.fold();
  await home.settle(read, () => ({ size: 100, linked: false }));
  // File systems without times of birth: nothing tells it from the old one.
  await home.create(1, name, 1, () => ({ inode: "i", size: 0 }));
  await home.create(1, Buffer.from("d"), 0, () => undefined);
  const outcome: Witness["outcome"] = ({ unlinked }) =>
    unlinked ? { size: 0, linked: false } : { size: 30, linked: true };
  expect(kept.afterKill({ outcome, happened: () => true })).toEqual({ bytes: 30, files: 2 });
});
