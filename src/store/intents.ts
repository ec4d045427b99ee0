import type { Witness } from "../vfs/books.ts";
import { dropIntent, IntentSlot, intentNumber, readIntent } from "./intent-slot.ts";
import type { LedgerStatements } from "./ledger-statements.ts";
import type { Intent } from "./ledger-types.ts";

/** A change of directory entries: done once, however often the transaction that books it is tried. */
export class Deed<T> {
  readonly #perform: () => T;
  #done: { readonly result: T } | undefined;
  /** the home whose entries it changes */
  readonly userId: number;
  /** of its intent; 0: none was written */
  number = 0;

  constructor(userId: number, perform: () => T) {
    this.userId = userId;
    this.#perform = perform;
  }

  get isDone(): boolean {
    return this.#done !== undefined;
  }

  run(): T {
    this.#done ??= { result: this.#perform() };
    return this.#done.result;
  }
}

/** A change was done and is booked, but its process could not finish it. */
export class BookedElsewhere extends Error {
  override readonly name = "BookedElsewhere";
  /** as SQLite's when busy */
  readonly code = "SQLITE_BUSY";

  constructor() {
    super("the database was busy: another process has booked the change");
  }
}

/**
 * What this process is about to do to directory entries, and what is left of what others were. An
 * intent is in its slot before it is carried out, and booked by the transaction around it.
 */
export class Intents {
  readonly #directory: string;
  readonly #node: string;
  readonly #sql: LedgerStatements;
  readonly #slot: IntentSlot;
  readonly #bookLate: (intent: Intent) => void;
  #last = 0;
  /** carried out, but the transaction that books it is not through */
  #unbooked: Deed<unknown> | undefined;
  readonly #machine: string | undefined;
  #witness: Witness | undefined;

  /**
   * @param place the directory of the slots; the machine, where there are several: those of others
   * have slots that can't be relied on
   * @param bookLate books what was carried out, in the transaction that is open
   */
  constructor(
    { directory, machine }: { readonly directory: string; readonly machine: string | undefined },
    node: string,
    sql: LedgerStatements,
    bookLate: (intent: Intent) => void,
  ) {
    this.#directory = directory;
    this.#node = node;
    this.#machine = machine;
    this.#sql = sql;
    this.#bookLate = bookLate;
    this.#slot = new IntentSlot(directory, node);
  }

  setWitness(witness: Witness): void {
    this.#witness = witness;
  }

  close(): void {
    this.#slot.close();
  }

  /** One machine alone uses the database. */
  get isAlone(): boolean {
    return this.#machine === undefined;
  }

  /** Others counted what the last ones were about. */
  beginAnew(): void {
    this.close();
    this.#unbooked = undefined;
  }

  /** The number of this process's last one. */
  get last(): number {
    return this.#last;
  }

  /** True while something else than `deed` was done and is not booked: its slot is in use. */
  hasUnbooked(deed?: Deed<unknown>): boolean {
    return this.#unbooked !== undefined && this.#unbooked !== deed;
  }

  /** The home of what is done and not booked. */
  get unbookedHome(): number | undefined {
    return this.#unbooked?.userId;
  }

  /** The home that a process's last intent is for; undefined: it has left none. */
  homeOf(node: string): number | undefined {
    return readIntent(this.#directory, node)?.userId;
  }

  /** A transaction that booked all that was done in a home is through. */
  booked(userId: number): void {
    if (this.#unbooked?.userId === userId) this.#unbooked = undefined;
  }

  /**
   * To be called in a transaction that has the lock of the home again, when the one that did the deed
   * has failed.
   * @throws BookedElsewhere when another process has booked it meanwhile
   */
  requireUnbooked(deed: Deed<unknown>): void {
    if (!deed.isDone || deed.number === 0) return;
    const found = this.#sql.lastBooked.get({ node: this.#node }) as { intent: number } | undefined;
    if ((found?.intent ?? 0) >= deed.number) throw new BookedElsewhere();
  }

  /** Writes the intent down, carries it out, and marks it as booked by the transaction. */
  carryOut<T>(intent: Omit<Intent, "number">, deed: Deed<T>): T {
    if (!deed.isDone) {
      this.#last += 1;
      deed.number = this.#last;
      this.#slot.write({ ...intent, number: deed.number });
      try {
        deed.run();
      } catch (thrown) {
        this.#slot.clear();
        throw thrown;
      }
      // Done: if the transaction fails (the disk may be full) the slot still says so.
      this.#unbooked = deed;
    }
    this.#sql.booked.run({ node: this.#node, number: deed.number });
    return deed.run();
  }

  /**
   * While this process has the lock of a home, no other can be between an intent for that home and
   * its booking. So an intent for it that is not booked belongs to a process that died there or could
   * not book it. It is booked before its file is touched again. What another home's lock guards may
   * be under way, and is left alone.
   * @param userId the home whose lock the transaction has
   * @param deed the one that the open transaction books itself
   * @returns whether there was one
   */
  resolveAll(userId: number, deed?: Deed<unknown>): boolean {
    const witness = this.#witness;
    if (witness === undefined) return false;
    let any = false;
    const nodes = this.#sql.nodes.all() as { id: string; intent: number; machine: string }[];
    for (const { id, intent, machine } of nodes) {
      if (this.#machine !== undefined && machine !== this.#machine) continue;
      const own = id === this.#node;
      if (own && deed?.isDone) continue;
      const last = own ? this.#last : intentNumber(this.#directory, id);
      if (last > intent && this.#resolve(id, intent, witness, userId)) any = true;
    }
    return any;
  }

  /**
   * The last intent of a dead process, in a transaction that has the lock of {@link homeOf}. {@link drop}
   * it when that is through.
   */
  resolve(node: string, userId: number, witness: Witness): void {
    const found = this.#sql.lastBooked.get({ node }) as { intent: number } | undefined;
    if (found !== undefined) this.#resolve(node, found.intent, witness, userId);
  }

  drop(node: string): void {
    dropIntent(this.#directory, node);
  }

  /** False when there is no such intent, or it is for another home. */
  #resolve(node: string, booked: number, witness: Witness, userId: number): boolean {
    const intent = readIntent(this.#directory, node);
    if (intent === undefined || intent.number <= booked) return false;
    if (intent.userId !== userId) return false;
    const user = this.#sql.userName.get({ userId: intent.userId }) as { name: string } | undefined;
    const isDone =
      this.#machine !== undefined &&
      node === this.#node &&
      this.#stillStands(intent, user, witness);
    // On another machine somebody may have changed the same name since: this process knows better.
    if (user !== undefined && isDone) this.#bookLate(intent);
    else if (user !== undefined) this.#settle(intent, user.name, witness);
    this.#sql.booked.run({ node, number: intent.number });
    return true;
  }

  /**
   * Whether it is what this process has done and not booked. A file that was made is taken away again
   * by whoever made it, when the transaction fails: of that the disk knows.
   */
  #stillStands(intent: Intent, user: { name: string } | undefined, witness: Witness): boolean {
    if (this.#unbooked?.number !== intent.number) return false;
    if (intent.kind !== "create" || user === undefined) return true;
    return witness.happened(intent, user.name);
  }

  #settle(intent: Intent, user: string, witness: Witness): void {
    if (witness.happened(intent, user)) this.#bookLate(intent);
    else witness.undo(intent, user);
  }
}
