import type { Books } from "../../src/vfs/books.ts";
import type { TestInstance } from "./instance.ts";

type Perform = <T>(perform: () => T) => T;

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Makes an instance that holds homes fail: 1 is the next time, 0 never. */
export class HeldFaults {
  /** the journal's disk is full */
  append = 0;
  /** the transaction that tells the store what the books are */
  fold = 0;
  /** the system call that changes a name */
  perform = 0;

  constructor({ store: { leases } }: TestInstance) {
    const { journal, fold } = leases;
    const { append } = journal;
    journal.append = (...all) => {
      if (this.#isDue("append")) throw failure("SQLITE_FULL");
      append.apply(journal, all);
    };
    leases.fold = (books, ...rest) => {
      const failing = (userId?: number) => {
        const found = books(userId);
        if (this.#isDue("fold")) throw failure("SQLITE_IOERR");
        return found;
      };
      return fold.call(leases, failing, ...rest);
    };
  }

  set(next: Partial<Pick<HeldFaults, "append" | "fold" | "perform">>): void {
    Object.assign(this, { append: 0, fold: 0, perform: 0 }, next);
  }

  #isDue(what: "append" | "fold" | "perform"): boolean {
    this[what] -= 1;
    return this[what] === 0;
  }

  /** Books that find the system calls failing. */
  watch(books: Books): Books {
    return acting(books, (perform) => {
      if (this.#isDue("perform")) throw failure("EIO");
      return perform();
    });
  }
}

/** Books whose changes of the disk go through `act`. */
export function acting(books: Books, act: Perform): Books {
  return {
    requireHomes: () => books.requireHomes(),
    requireTouch: () => books.requireTouch(),
    usage: (userId) => books.usage(userId),
    exactUsage: (userId) => books.exactUsage(userId),
    open: (...args) => books.open(...args),
    createFile: (userId, entry, perform) => books.createFile(userId, entry, () => act(perform)),
    createEntry: (userId, entry, perform) => books.createEntry(userId, entry, () => act(perform)),
    remove: (userId, entry, inspect, perform) =>
      books.remove(userId, entry, inspect, () => act(perform)),
    rename: (userId, from, to, moved, inspect, perform, kept) =>
      books.rename(userId, from, to, moved, inspect, () => act(perform), kept),
    held: (userId) => books.held(userId),
  };
}
