import { lstatSync, openSync, unlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { FsError, toFsError } from "../errors.ts";
import type { Books, BookView, Removed } from "./books.ts";
import { letGo } from "./let-go.ts";
import type { ByteString } from "./path.ts";
import { closeFreed } from "./place.ts";
import { ANYTHING, below, inodeKey } from "./proc.ts";
import { dropOrigin, openTrashOf } from "./trash.ts";
import { pages } from "./trash-list.ts";
import { trashPath } from "./trash-names.ts";
import { isNone, lookAt, type Missing, TrashSums } from "./trash-sum.ts";

/** Files that are removed in one turn of the event loop. */
const FILES_PER_TURN = 16;

/** Homes of which it is remembered which files are the oldest. */
const MAX_FRONTS = 64;

interface Parts {
  /** the instance's directory */
  readonly root: string;
  readonly books: Books;
  /** undefined: there is no such home */
  nameOf(homeId: number): Promise<string | undefined>;
}

/**
 * What is in the trash makes room for what is stored: the oldest goes first, and no file of which
 * nothing is needed.
 */
export class TrashRoom {
  readonly #parts: Parts;
  /** names of the oldest files of a home: all others, and those that come, are newer */
  readonly #fronts = new Map<number, ByteString[]>();
  readonly #sums = new TrashSums();
  /** who asks for a home, one after the other: each of them may go through all of its trash */
  readonly #asking = new Map<number, Promise<unknown>>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Removes from the trash of a home what is needed.
   * @param missing is asked before each file, while nobody else changes the books
   * @returns whether it is worth another try. False, with nothing removed: all of the trash is not
   * enough, or there is none
   */
  async giveWay(homeId: number, missing: (book: BookView) => Missing): Promise<boolean> {
    const before = this.#asking.get(homeId);
    const answer = (before ?? Promise.resolve()).then(() => this.#giveWay(homeId, missing));
    const over = answer.catch(() => undefined);
    this.#asking.set(homeId, over);
    try {
      return await answer;
    } finally {
      if (this.#asking.get(homeId) === over) this.#asking.delete(homeId);
    }
  }

  async #giveWay(homeId: number, missing: (book: BookView) => Missing): Promise<boolean> {
    const trash = await this.#open(homeId);
    if (trash === undefined) return false;
    try {
      const { held, wanted } = await this.#wanted(homeId, missing);
      if (isNone(wanted)) return true;
      if (!(await this.#sums.isEnough(homeId, trash, held, wanted))) return false;
      if (await this.#remove(homeId, trash, held, missing)) return true;
      // A clock that was set back gives names that are before those that are remembered.
      this.#fronts.delete(homeId);
      if (await this.#remove(homeId, trash, held, missing)) return true;
      // Another process may have taken all that there was.
      return isNone((await this.#wanted(homeId, missing)).wanted);
    } finally {
      letGo(trash);
    }
  }

  async #wanted(homeId: number, missing: (book: BookView) => Missing) {
    const held = await this.#parts.books.held(homeId);
    const usage = await this.#parts.books.usage(homeId);
    const wanted = missing({ usage: () => usage, charged: (inode) => held.get(inode) });
    return { held, wanted };
  }

  async #open(homeId: number): Promise<number | undefined> {
    const { root, nameOf } = this.#parts;
    const name = await nameOf(homeId);
    return name === undefined ? undefined : openTrashOf(root, name);
  }

  /** The names in the trash, the oldest first. */
  async *#oldest(homeId: number, trash: number): AsyncGenerator<ByteString, void, void> {
    const front = this.#fronts.get(homeId) ?? [];
    yield* front.slice();
    for await (const page of pages(trash, front.at(-1))) {
      if (!this.#fronts.has(homeId)) this.#setFront(homeId, page.slice());
      yield* page;
    }
  }

  #setFront(homeId: number, names: ByteString[]): void {
    const [first] = this.#fronts.keys();
    if (this.#fronts.size >= MAX_FRONTS && first !== undefined) this.#fronts.delete(first);
    this.#fronts.set(homeId, names);
  }

  #forget(homeId: number, name: ByteString): void {
    const front = this.#fronts.get(homeId);
    const at = front?.indexOf(name) ?? -1;
    if (at >= 0) front?.splice(at, 1);
    if (front?.length === 0) this.#fronts.delete(homeId);
  }

  /** @returns whether something was removed, or nothing more is missing */
  async #remove(
    homeId: number,
    trash: number,
    held: ReadonlyMap<string, number>,
    missing: (book: BookView) => Missing,
  ): Promise<boolean> {
    const { books } = this.#parts;
    let [looked, removed] = [0, 0];
    for await (const name of this.#oldest(homeId, trash)) {
      looked += 1;
      if (looked % FILES_PER_TURN === 0) await turn();
      const stat = lookAt(trash, name);
      // What is open frees no bytes until it is closed.
      const isOpen = stat !== undefined && held.has(inodeKey(stat));
      const stillMissing = (book: BookView): boolean => {
        const { bytes, files } = missing(book);
        if (bytes <= 0 && files <= 0) throw new Enough();
        return !isOpen || files > 0;
      };
      try {
        const size = await removeFrom(books, homeId, trash, name, stillMissing);
        if (size !== undefined) removed += 1;
      } catch (thrown) {
        if (thrown instanceof Enough) return true;
        throw thrown;
      }
      this.#forget(homeId, name);
    }
    // Others may have taken what it made room for: then it is asked again.
    return removed > 0;
  }
}

/** What was needed is there. */
class Enough extends Error {}
/** It stays, or is gone already. */
class Skipped extends Error {}

/**
 * Removes one file from the trash for good, with what says where it was.
 * @param trash open (O_PATH)
 * @param wanted is asked while nobody else changes the books
 * @returns the bytes that the file had; undefined: it is not there any more, or not `wanted`
 */
export async function removeFrom(
  books: Pick<Books, "remove">,
  homeId: number,
  trash: number,
  name: ByteString,
  wanted: (book: BookView) => boolean = () => true,
): Promise<number | undefined> {
  const host = below(trash, name);
  const fd = openThere(host);
  if (fd === undefined) return undefined;
  let size = 0;
  const current = (): string | undefined => {
    const stat = lookAt(trash, name);
    return stat && inodeKey(stat);
  };
  const inspect = (book: BookView) => {
    const stat = lookAt(trash, name);
    if (!wanted(book) || stat === undefined || stat.isDirectory()) throw new Skipped();
    size = stat.isFile() ? Number(stat.size) : 0;
    return { inode: inodeKey(stat), size: stat.nlink === 1n ? size : 0 };
  };
  const perform = (): Removed | undefined => {
    const stat = lstatSync(host, { bigint: true });
    unlinkSync(host);
    if (!stat.isFile()) return undefined;
    return { inode: inodeKey(stat), last: stat.nlink === 1n, size: Number(stat.size) };
  };
  try {
    await books.remove(homeId, { path: trashPath(name), current }, inspect, perform);
    dropOrigin(trash, name);
    return size;
  } catch (thrown) {
    if (thrown instanceof Skipped) return undefined;
    throw thrown;
  } finally {
    await closeFreed(fd, size);
  }
}

/** So that the last close, which frees the bytes, can be left to a thread. */
function openThere(host: string | Buffer): number | undefined {
  try {
    return openSync(host, ANYTHING);
  } catch (thrown) {
    const found = toFsError(thrown);
    if (found instanceof FsError && found.code === "ENOENT") return undefined;
    throw thrown;
  }
}
