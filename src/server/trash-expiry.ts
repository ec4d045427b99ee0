import type { Logger } from "pino";
import { errorName } from "../errors.ts";
import type { Store } from "../store/store.ts";
import type { KeepingHome } from "../store/trash.ts";
import type { Books } from "../vfs/books.ts";
import { sweep } from "../vfs/trash-sweep.ts";

/** How often some homes are looked at, in milliseconds. */
export const EXPIRE_MS = 10_000;
/** Homes that are looked at each time, and files that are removed then. */
const HOMES_AT_ONCE = 100;
const FILES_AT_ONCE = 500;
/** From the beginning of one round through all homes to that of the next, in milliseconds. */
const ROUND_MS = 10 * 60 * 1000;
/** Rounds until what processes that died have left is put in order again. */
const TIDY_ROUNDS = 24;

interface Parts {
  /** the instance's directory */
  readonly root: string;
  readonly store: Pick<Store, "trash">;
  readonly books: Pick<Books, "remove">;
  readonly log: Pick<Logger, "error">;
  /** what the settings say, in milliseconds; 0: what is removed is not kept */
  readonly keep: () => number;
}

/** Removes for good what has been in the trash long enough: a little at a time, home after home. */
export class TrashExpiry {
  readonly #parts: Parts;
  readonly #now: () => number;
  /** the last home that was looked at in this round */
  #after = 0;
  #round = 0;
  #roundBegan = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds since the epoch */
  constructor(parts: Parts, now: () => number = Date.now) {
    this.#parts = parts;
    this.#now = now;
  }

  /** Looks at the next homes. A round that is through begins again when it is time. */
  async run(): Promise<void> {
    if (this.#after === 0) {
      if (this.#now() - this.#roundBegan < ROUND_MS) return;
      this.#roundBegan = this.#now();
    }
    const homes = await this.#parts.store.trash.homesAfter(this.#after, HOMES_AT_ONCE);
    let left = FILES_AT_ONCE;
    for (const home of homes) {
      left -= await this.#sweep(home, left);
      // The same home goes on the next time.
      if (left <= 0) return;
      this.#after = home.id;
    }
    if (homes.length === HOMES_AT_ONCE) return;
    this.#after = 0;
    this.#round += 1;
  }

  async #sweep(home: KeepingHome, most: number): Promise<number> {
    const { root, books, log, keep } = this.#parts;
    const now = this.#now();
    const kept = home.keep ?? keep();
    // Where nothing is kept any more, what was stays until its room is needed or it is emptied.
    const before = kept > 0 ? now - kept : undefined;
    const tidy = this.#round % TIDY_ROUNDS === 0;
    try {
      return await sweep(root, home, books, { before, most, tidy, now });
    } catch (error) {
      log.error({ home: home.name, error: errorName(error) }, "trash not looked at");
      return 0;
    }
  }
}
