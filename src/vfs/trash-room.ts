import { lstatSync, openSync, unlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { FsError, toFsError } from "../errors.ts";
import type { Books, BookView, Removed } from "./books.ts";
import { existingHome } from "./homes.ts";
import { letGo } from "./let-go.ts";
import type { ByteString } from "./path.ts";
import { closeFreed } from "./place.ts";
import { ANYTHING, below, DIRECTORY, inodeKey } from "./proc.ts";
import { dropOrigin, openTrash } from "./trash.ts";
import { pages } from "./trash-list.ts";
import { trashPath } from "./trash-names.ts";

/** What there is no room for: 0 or less is none. */
export interface Missing {
  readonly bytes: number;
  /** directory entries */
  readonly files: number;
}

/** Files that are looked at, or removed, in one turn of the event loop. */
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
    const trash = await this.#open(homeId);
    if (trash === undefined) return false;
    try {
      const held = await this.#parts.books.held(homeId);
      const usage = await this.#parts.books.usage(homeId);
      const wanted = missing({ usage: () => usage, charged: (inode) => held.get(inode) });
      if (isNone(wanted)) return true;
      if (!(await this.#isEnough(homeId, trash, held, wanted))) return false;
      return await this.#remove(homeId, trash, held, missing);
    } finally {
      letGo(trash);
    }
  }

  async #open(homeId: number): Promise<number | undefined> {
    const { root, nameOf } = this.#parts;
    const name = await nameOf(homeId);
    const home = name === undefined ? undefined : existingHome(root, name);
    if (home === undefined) return undefined;
    const ground = openSync(home, DIRECTORY);
    try {
      return openTrash(ground);
    } finally {
      letGo(ground);
    }
  }

  /** The names in the trash, the oldest first. */
  async *#oldest(homeId: number, trash: number): AsyncGenerator<ByteString, void, void> {
    const front = this.#fronts.get(homeId) ?? [];
    yield* front.slice();
    for await (const page of pages(trash, front.at(-1))) {
      if (!this.#fronts.has(homeId)) this.#setFront(homeId, page);
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

  async #isEnough(
    homeId: number,
    trash: number,
    held: ReadonlyMap<string, number>,
    wanted: Missing,
  ): Promise<boolean> {
    let { bytes, files } = wanted;
    let looked = 0;
    for await (const name of this.#oldest(homeId, trash)) {
      looked += 1;
      if (looked % FILES_PER_TURN === 0) await turn();
      const stat = lookAt(trash, name);
      if (stat === undefined) {
        this.#forget(homeId, name);
        continue;
      }
      files -= 1;
      if (stat.nlink === 1n && !held.has(inodeKey(stat))) bytes -= Number(stat.size);
      if (bytes <= 0 && files <= 0) return true;
    }
    return false;
  }

  async #remove(
    homeId: number,
    trash: number,
    held: ReadonlyMap<string, number>,
    missing: (book: BookView) => Missing,
  ): Promise<boolean> {
    const { books } = this.#parts;
    let looked = 0;
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
        await removeFrom(books, homeId, trash, name, stillMissing);
      } catch (thrown) {
        if (thrown instanceof Enough) return true;
        throw thrown;
      }
      this.#forget(homeId, name);
    }
    // Others may have taken what it made room for.
    return true;
  }
}

/** What was needed is there. */
class Enough extends Error {}
/** It stays, or is gone already. */
class Skipped extends Error {}

function isNone({ bytes, files }: Missing): boolean {
  return bytes <= 0 && files <= 0;
}

function lookAt(trash: number, name: ByteString) {
  return lstatSync(below(trash, name), { bigint: true, throwIfNoEntry: false });
}

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
