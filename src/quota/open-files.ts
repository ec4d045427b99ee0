import { FsError } from "../errors.ts";
import type { Reservation } from "./reservation.ts";

/** How often one file may be open in a process: closing it looks at all the others. */
const MAX_OPEN_ONE_FILE = 1024;

/** The charged files that a process has open: what it holds for them, and how often each is open. */
export class OpenFiles {
  /** by user and row */
  readonly #reservations = new Map<number, Map<number, Reservation>>();
  /** by inode */
  readonly #times = new Map<string, number>();

  /** Those with any. */
  get users(): number[] {
    return [...this.#reservations.keys()];
  }

  /** By row; undefined: the user has none open. */
  of(userId: number): ReadonlyMap<number, Reservation> | undefined {
    return this.#reservations.get(userId);
  }

  /** @throws FsError EMFILE when the file is open too often to be opened once more */
  refuseTooMany(inode: string): void {
    if (this.#timesOpen(inode) < MAX_OPEN_ONE_FILE) return;
    throw new FsError("EMFILE", "The file is open too often");
  }

  add(reservation: Reservation): void {
    const { userId, row, inode } = reservation;
    let held = this.#reservations.get(userId);
    if (held === undefined) {
      held = new Map();
      this.#reservations.set(userId, held);
    }
    held.set(row, reservation);
    this.#times.set(inode, this.#timesOpen(inode) + 1);
  }

  remove({ userId, row, inode }: Reservation): void {
    const held = this.#reservations.get(userId);
    held?.delete(row);
    if (held?.size === 0) this.#reservations.delete(userId);
    const left = this.#timesOpen(inode) - 1;
    if (left > 0) this.#times.set(inode, left);
    else this.#times.delete(inode);
  }

  #timesOpen(inode: string): number {
    return this.#times.get(inode) ?? 0;
  }
}
