import type { BigIntStats } from "node:fs";
import { constants, fchmodSync, fstatSync, openSync, unlinkSync } from "node:fs";
import type { Books, BookView, FileCharge, Inspected } from "./books.ts";
import { checkWritable } from "./entries.ts";
import { stateOf } from "./evidence.ts";
import { checkOpen } from "./guard.ts";
import { isWorthKeeping, type KeepingHere, keepsAt, prepareAt, replaceKeeping } from "./keeping.ts";
import { letGo } from "./let-go.ts";
import { access } from "./opening.ts";
import type { Place } from "./place.ts";
import { inodeKey } from "./proc.ts";
import { OWNER_READ, OWNER_WRITE, PERMISSIONS } from "./stat.ts";
import type { OpenFlags } from "./types.ts";

/** A new file, open, in the place of one that is kept. */
export interface FreshFile {
  readonly fd: number;
  readonly charge: FileCharge;
  /** of the file that is in the trash now */
  readonly kept: string;
}

/**
 * Opening a file to write it anew would empty it. Where files are kept, and nobody has it open, a new
 * one is put in its place instead.
 * @returns undefined, with nothing changed, when it is to be emptied after all
 */
export async function openFresh(
  books: Books,
  place: Place,
  flags: OpenFlags,
): Promise<FreshFile | undefined> {
  if (!flags.truncate || !flags.write || !keepsAt(place)) return undefined;
  if (place.seen === undefined || !isWorthKeeping(place.seen)) return undefined;
  const stat = place.look();
  if (!mayReplace(place, flags, stat)) return undefined;
  const keeping = prepareAt(place);
  if (keeping === undefined) return undefined;
  let fresh: FreshFile | undefined;
  try {
    fresh = await new Succession(books, place, keeping, inodeKey(stat)).open(flags, stat);
    return fresh;
  } finally {
    keeping.close(fresh !== undefined);
  }
}

/** Whether it may be emptied, and replaced as well. Opening it says what is wrong otherwise. */
function mayReplace(place: Place, flags: OpenFlags, stat: BigIntStats): boolean {
  const wanted = (flags.read ? OWNER_READ : 0) | OWNER_WRITE;
  if ((Number(stat.mode) & wanted) !== wanted) return false;
  try {
    checkWritable(place);
    checkOpen(place, flags, { inode: inodeKey(stat), size: Number(stat.size) });
    return true;
  } catch {
    return false;
  }
}

/** One file takes the place of another, which is kept. */
class Succession {
  readonly #books: Books;
  readonly #place: Place;
  readonly #keeping: KeepingHere;
  readonly #old: string;

  constructor(books: Books, place: Place, keeping: KeepingHere, old: string) {
    this.#books = books;
    this.#place = place;
    this.#keeping = keeping;
    this.#old = old;
  }

  async open(flags: OpenFlags, { mode }: BigIntStats): Promise<FreshFile | undefined> {
    const made = await this.#make(flags, Number(mode) & PERMISSIONS);
    if (made === undefined) return undefined;
    let isReplaced = false;
    try {
      await this.#replace(made.charge.inode, () => {
        isReplaced = true;
      });
      return { ...made, kept: this.#old };
    } catch (thrown) {
      await this.#withdraw(made, isReplaced);
      if (isReplaced) throw thrown;
      return undefined;
    }
  }

  /** undefined: there is no room for one more entry, or the disk fails. */
  async #make(
    flags: OpenFlags,
    mode: number,
  ): Promise<{ readonly fd: number; readonly charge: FileCharge } | undefined> {
    const { successor } = this.#keeping;
    const how = access(flags) | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    let fd: number | undefined;
    try {
      const entry = { path: successor.path, current: () => undefined };
      const charge = await this.#books.createFile(this.#ground, entry, () => {
        fd = openSync(successor.host, how, OWNER_READ | OWNER_WRITE);
        fchmodSync(fd, mode);
        return this.#inspect(fd);
      });
      return { fd: fd as unknown as number, charge };
    } catch {
      // Made, but not booked: as if it had not been.
      if (fd !== undefined) this.#unmake(fd);
      return undefined;
    }
  }

  get #ground(): number {
    return this.#place.mount.ground.id;
  }

  #inspect(fd: number): Inspected {
    return { inode: inodeKey(fstatSync(fd, { bigint: true })), size: 0 };
  }

  #unmake(fd: number): void {
    letGo(fd);
    unlinkSync(this.#keeping.successor.host);
  }

  async #replace(inode: string, replaced: () => void): Promise<void> {
    const { successor, path, from } = this.#keeping;
    const inspect = (book: BookView): undefined => {
      const stat = this.#place.grasp();
      const isSame = inodeKey(stat) === this.#old && isWorthKeeping(stat);
      // What others write to it from now on would be lost to its name.
      if (!isSame || book.charged(this.#old) !== undefined) throw new Error("in use");
    };
    const perform = (): undefined => {
      replaceKeeping(successor.host, this.#place, this.#keeping);
      replaced();
    };
    const { path: source } = successor;
    await this.#books.rename(this.#ground, source, from, inode, inspect, perform, path);
  }

  async #withdraw(
    { fd, charge }: { readonly fd: number; readonly charge: FileCharge },
    isReplaced: boolean,
  ): Promise<void> {
    await charge.settle(stateOf(fd)).catch(() => undefined);
    letGo(fd);
    if (isReplaced) return;
    const { path, host } = this.#keeping.successor;
    const victim = { inode: charge.inode, size: 0 };
    const entry = { path, current: () => charge.inode };
    // What can't be removed now is by the next chore.
    await this.#books
      .remove(
        this.#ground,
        entry,
        () => victim,
        () => {
          unlinkSync(host);
          return { ...victim, last: true };
        },
      )
      .catch(() => undefined);
  }
}
