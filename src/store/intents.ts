import type { Witness } from "../vfs/books.ts";
import { dropIntent, IntentSlot, intentNumber, readIntent } from "./intent-slot.ts";
import type { LedgerStatements } from "./ledger-statements.ts";
import type { Intent } from "./ledger-types.ts";

/** A change of directory entries: done once, however often the transaction that books it is tried. */
export class Deed<T> {
  readonly #perform: () => T;
  #done: { readonly result: T } | undefined;
  /** of its intent; 0: none was written */
  number = 0;
  /** whose directory entries it changes; undefined: as long as it has no intent */
  userId: number | undefined;

  constructor(perform: () => T) {
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
   * @param directory where the slots are
   * @param machine where there are several: those of others have slots that can't be relied on
   * @param bookLate books what was carried out, in the transaction that is open
   */
  constructor(
    directory: string,
    node: string,
    machine: string | undefined,
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

  /** Others counted what the last ones were about. */
  beginAnew(): void {
    this.close();
    this.#unbooked = undefined;
  }

  /** The number of this process's last one. */
  get last(): number {
    return this.#last;
  }

  /** Whose directory entries something unbooked is about. */
  get unbookedHome(): number | undefined {
    return this.#unbooked?.userId;
  }

  /** True while something else than `deed` was done and is not booked: its slot is in use. */
  hasUnbooked(deed?: Deed<unknown>): boolean {
    return this.#unbooked !== undefined && this.#unbooked !== deed;
  }

  /** The transaction that was open is through. */
  booked(): void {
    this.#unbooked = undefined;
  }

  /** Writes the intent down, carries it out, and marks it as booked by the transaction. */
  carryOut<T>(intent: Omit<Intent, "number">, deed: Deed<T>): T {
    if (!deed.isDone) {
      this.#last += 1;
      deed.number = this.#last;
      deed.userId = intent.userId;
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
   * While this process holds the home's lock, no other can be between an intent about it and its
   * booking. So one that is not booked belongs to a process that died there or could not book it. It
   * is booked before its file is touched again. With one machine alone there is one lock for all.
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
      const of = this.#machine === undefined ? undefined : userId;
      if (last > intent && this.#resolve(id, intent, witness, of)) any = true;
    }
    return any;
  }

  /** The last intent of a dead process. {@link drop} it when the transaction is through. */
  resolve(node: string, witness: Witness): void {
    const found = this.#sql.lastBooked.get({ node }) as { intent: number } | undefined;
    if (found !== undefined) this.#resolve(node, found.intent, witness);
  }

  /** Whose directory entries a node's last one is about. */
  homeOf(node: string): number | undefined {
    return readIntent(this.#directory, node)?.userId;
  }

  drop(node: string): void {
    dropIntent(this.#directory, node);
  }

  /** False when there is no such intent. @param of the home that it is to be about */
  #resolve(node: string, booked: number, witness: Witness, of?: number): boolean {
    const intent = readIntent(this.#directory, node);
    if (intent === undefined || intent.number <= booked) return false;
    if (of !== undefined && intent.userId !== of) return false;
    const user = this.#sql.userName.get({ userId: intent.userId }) as { name: string } | undefined;
    const isDone = this.#machine !== undefined && node === this.#node && this.#isUnbooked(intent);
    // On another machine somebody may have changed the same name since: this process knows better.
    if (user !== undefined && isDone) this.#bookLate(intent);
    else if (user !== undefined) this.#settle(intent, user.name, witness);
    this.#sql.booked.run({ node, number: intent.number });
    return true;
  }

  #isUnbooked({ number }: Intent): boolean {
    return this.#unbooked?.number === number;
  }

  #settle(intent: Intent, user: string, witness: Witness): void {
    if (witness.happened(intent, user)) this.#bookLate(intent);
    else witness.undo(intent, user);
  }
}
