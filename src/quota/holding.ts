import { setImmediate as turn } from "node:timers/promises";
import type { Fold, LeaseStore, OpenBook } from "../store/leases.ts";
import type { LedgerStore } from "../store/ledger.ts";
import { HeldHome } from "./held-home.ts";

/** A home without open files that nobody uses for so long is given back, in milliseconds. */
const UNUSED_MS = 10_000;
/** One that was not used for so long when another process wants it may be held by that one at once. */
const IDLE_MS = 1_000;
/** After another process needed a home it is shared for so long, in milliseconds. */
const QUIET_MS = 3_000;
/** Homes that could not be taken, as many as are remembered. */
const MAX_REFUSED = 10_000;

/** The homes that this process holds: taken when they are used, given back when others want them. */
export class Holding {
  readonly #quietMs: number;
  readonly #missed: (userId: number) => void;
  readonly #store: LedgerStore;
  readonly #leases: LeaseStore;
  readonly #held = new Map<number, HeldHome>();
  readonly #taking = new Map<number, Promise<void>>();
  #folding: Promise<void> | undefined;
  /** when homes may be asked for again that could not be taken */
  readonly #refused = new Map<number, number>();

  /**
   * @param quietMs how long a home is shared after another process needed it, in milliseconds
   * @param missed told of a home that was given up with less than was done to it
   */
  constructor(
    store: LedgerStore,
    leases: LeaseStore,
    quietMs = QUIET_MS,
    missed: (userId: number) => void = () => {},
  ) {
    this.#missed = missed;
    this.#quietMs = quietMs;
    this.#store = store;
    this.#leases = leases;
    leases.setHoldings(this);
  }

  get isUsed(): boolean {
    return this.#held.size > 0;
  }

  get(userId: number): HeldHome | undefined {
    return this.#held.get(userId);
  }

  /** Holds the home if no other process uses it. */
  take(userId: number): Promise<void> {
    let taking = this.#taking.get(userId);
    if (taking !== undefined) return taking;
    if ((this.#refused.get(userId) ?? 0) > performance.now()) return Promise.resolve();
    taking = this.#take(userId).finally(() => this.#taking.delete(userId));
    this.#taking.set(userId, taking);
    return taking;
  }

  #take(userId: number): Promise<void> {
    return this.#store.take(userId, this.#quietMs, (book) => {
      if (book === undefined) this.#refuse(userId);
      else this.#held.set(userId, this.#heldHome(userId, book));
    });
  }

  #heldHome(userId: number, book: OpenBook): HeldHome {
    this.#refused.delete(userId);
    const nextRow = (): number => this.#store.nextRow();
    const append = (user: number, events: readonly unknown[]): void => {
      const { journal } = this.#leases;
      journal.append(user, events);
      if (journal.isLong) this.#foldSoon();
    };
    return new HeldHome({ userId, append, nextRow }, book);
  }

  /** Not in this turn: what was just written down is not done yet. */
  #foldSoon(): void {
    this.#folding ??= turn()
      .then(() => this.fold())
      // What can't be told now is when it is tried the next time.
      .catch(() => undefined)
      .finally(() => {
        this.#folding = undefined;
      });
  }

  #refuse(userId: number): void {
    if (this.#refused.size >= MAX_REFUSED) this.#refused.clear();
    this.#refused.set(userId, performance.now() + this.#quietMs / 3);
  }

  /** Tells the store what is new. */
  async fold(): Promise<void> {
    const isNew = ({ isChanged }: HeldHome): boolean => isChanged;
    await this.#tell(isNew, undefined);
  }

  /** To be called every second or so. */
  async tend(): Promise<void> {
    await this.fold();
    await this.#tell((home) => home.isUnused(UNUSED_MS), "unused");
  }

  /** Another process wants the home, or something is done to its book in the store. */
  async giveUp(userId: number): Promise<void> {
    const isIdle = this.#held.get(userId)?.isUnused(IDLE_MS) === true;
    await this.#tell((home) => home.userId === userId, isIdle ? "unused" : "wanted");
  }

  wasGivenUp(userId: number): void {
    this.#refused.delete(userId);
  }

  async giveUpAll(): Promise<void> {
    await Promise.allSettled(this.#taking.values());
    await this.#tell(() => true, "unused");
  }

  async #tell(
    which: (home: HeldHome) => boolean,
    release: "wanted" | "unused" | undefined,
  ): Promise<void> {
    const some = () => [...this.#held.values()].filter(which);
    if (some().length === 0) return;
    const books = (only?: number) =>
      some()
        .filter(({ userId }) => only === undefined || userId === only)
        .map((home) => home.toFold(release !== undefined));
    await this.#leases.fold(books, release, (told, lost) => this.#told(told, lost, release));
  }

  #told(told: readonly Fold[], lost: readonly Fold[], release: string | undefined): void {
    for (const book of told) this.#held.get(book.userId)?.folded(book);
    for (const { userId } of release === undefined ? lost : [...told, ...lost]) {
      if (this.#held.get(userId)?.isChanged) this.#missed(userId);
      this.#held.delete(userId);
      if (release === "wanted") this.#refuse(userId);
    }
    if (![...this.#held.values()].some((home) => home.isChanged)) this.#leases.journal.rewind();
  }
}
