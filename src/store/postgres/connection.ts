import type { Connection, Lock, Statement } from "../connection.ts";
import { CommitInDoubt, DatabaseGone } from "../database-errors.ts";
import type { Bridge } from "./bridge.ts";
import type { Answer } from "./protocol.ts";
import { type Value, valuesFor } from "./sql.ts";
import { Statements, type Text } from "./statements.ts";

/** The first of the two numbers of an advisory lock: "moor" as a number, so that others have others. */
const HOMES = 0x6d6f6f72;
const NAMED = HOMES + 1;

const NAMES: Readonly<Record<Exclude<Lock, number>, number>> = {
  instance: 1,
  sessions: 2,
  audit: 3,
  changes: 4,
  nodes: 5,
  calls: 6,
};

/** How long a change of the schema may take, in milliseconds. */
const SCRIPT_MS = 600_000;

/** Of whoever brings the schema up to date. */
export const MIGRATIONS_LOCK = [NAMED, 100] as const;

interface Transaction {
  readonly link: number;
  /** its number at the server; undefined: it only reads */
  readonly number: string | undefined;
  /** a transaction that reads begins with its first statement */
  begun: boolean;
  /** others are to notice */
  notify: boolean;
}

/** PostgreSQL, asked by a thread while this process waits. */
export class PostgresConnection implements Connection {
  readonly engine = "postgres";
  readonly directory: string;
  readonly #bridge: Bridge;
  readonly #statements: Statements;
  #transaction: Transaction | undefined;
  #open = true;

  /** @param bridge open already */
  constructor(bridge: Bridge, directory: string) {
    this.#bridge = bridge;
    this.directory = directory;
    this.#statements = new Statements((ids) => bridge.forget(ids));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  readonly prepare = ((sql: string) =>
    new PostgresStatement(this.#statements.text(sql), this)) as unknown as Connection["prepare"];

  begin(lock: Lock): boolean {
    if (this.#transaction !== undefined) throw new Error("a transaction within a transaction");
    const { link } = this.#bridge;
    const [lockClass, lockKey] = typeof lock === "number" ? [HOMES, lock] : [NAMED, NAMES[lock]];
    const { transaction } = this.#bridge.ask(link, { kind: "begin", lockClass, lockKey });
    if (transaction === null || transaction === undefined) return false;
    this.#transaction = { link, number: transaction, begun: true, notify: false };
    return true;
  }

  /** @throws CommitInDoubt when the server is lost meanwhile */
  commit(): void {
    const own = this.#transaction;
    if (own?.number === undefined) throw new Error("there is no transaction to commit");
    try {
      this.#bridge.commit(own.link, own.number, own.notify);
      this.#transaction = undefined;
    } catch (thrown) {
      // Refused it is there still, and wants a rollback.
      if (thrown instanceof CommitInDoubt) this.#transaction = undefined;
      throw thrown;
    }
  }

  rollback(): void {
    const own = this.#transaction;
    this.#transaction = undefined;
    if (own?.begun) this.#bridge.rollback(own.link);
  }

  reading<T>(read: () => T): T {
    if (this.#transaction !== undefined) return read();
    const { link } = this.#bridge;
    this.#transaction = { link, number: undefined, begun: false, notify: false };
    try {
      return read();
    } finally {
      this.rollback();
    }
  }

  version(): number {
    return this.#bridge.version;
  }

  /** Runs SQL of several statements, and waits for it longer than for others. */
  script(text: string): void {
    this.#bridge.ask(this.#bridge.link, { kind: "script", text }, SCRIPT_MS);
  }

  close(): void {
    this.#open = false;
    this.#bridge.close();
  }

  /** Runs a statement in the transaction, if there is one. */
  run(text: Text, given: readonly unknown[], one: boolean): Ran {
    if (!this.#open) throw new DatabaseGone();
    const values = valuesFor(text.template, given);
    const variant = this.#statements.variant(text, values);
    const { thread } = this.#bridge;
    const own = this.#transaction;
    const answer = this.#bridge.ask(own?.link ?? this.#bridge.link, {
      kind: "run",
      statement: variant.id,
      text: variant.toldThread === thread ? undefined : variant.text,
      values: variant.order.map((name) => toSend(values[name])),
      one,
      beginReading: this.#beginsReading(),
    });
    variant.toldThread = thread;
    if (answer.columns !== undefined) variant.columns = answer.columns;
    if (own !== undefined && text.notifies) own.notify = true;
    return { answer, columns: variant.columns };
  }

  #beginsReading(): boolean {
    const own = this.#transaction;
    if (own === undefined || own.begun) return false;
    own.begun = true;
    return true;
  }
}

interface Ran {
  readonly answer: Answer;
  readonly columns: readonly string[];
}

/** Of a view of larger memory only the view is sent. */
function toSend(value: unknown): Value {
  return value instanceof Uint8Array ? Uint8Array.from(value) : (value as Value);
}

class PostgresStatement implements Statement<unknown[], unknown> {
  readonly #text: Text;
  readonly #connection: PostgresConnection;
  #plucks = false;

  constructor(text: Text, connection: PostgresConnection) {
    this.#text = text;
    this.#connection = connection;
  }

  get(...values: unknown[]): unknown {
    const { answer, columns } = this.#connection.run(this.#text, values, true);
    const row = answer.rows?.[0];
    return row === undefined ? undefined : this.#toRow(row, columns);
  }

  all(...values: unknown[]): unknown[] {
    const { answer, columns } = this.#connection.run(this.#text, values, false);
    return (answer.rows ?? []).map((row) => this.#toRow(row, columns));
  }

  run(...values: unknown[]): { readonly changes: number } {
    const { answer } = this.#connection.run(this.#text, values, false);
    return { changes: answer.changes ?? 0 };
  }

  pluck(): this {
    this.#plucks = true;
    return this;
  }

  #toRow(row: readonly unknown[], columns: readonly string[]): unknown {
    if (this.#plucks) return toValue(row[0]);
    const object: Record<string, unknown> = {};
    for (let at = 0; at < columns.length; at += 1) object[columns[at] ?? ""] = toValue(row[at]);
    return object;
  }
}

function toValue(value: unknown): unknown {
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value;
}
