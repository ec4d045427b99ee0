import type { Connection, Lock, Statement } from "../connection.ts";
import { CommitInDoubt, DatabaseGone } from "../database-errors.ts";
import type { Bridge } from "./bridge.ts";
import type { RunAsked } from "./protocol.ts";
import { HOMES, NAMED } from "./shared.js";
import { type Value, valuesFor } from "./sql.ts";
import { Statements, type Text, type Variant } from "./statements.ts";

const NAMES: Readonly<Record<Exclude<Lock, number>, number>> = {
  instance: 1,
  sessions: 2,
  audit: 3,
  changes: 4,
  nodes: 5,
  digests: 6,
  events: 7,
  penalties: 8,
  calls: 9,
};

/** How long a change of the schema may take, in milliseconds. */
const SCRIPT_MS = 600_000;

/** Of whoever brings the schema up to date. 101 is link.js's. */
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
  query(text: Text, given: readonly unknown[], rows: "first" | "all"): Found {
    const { variant, link, asked, posted } = this.#asked(text, given, rows);
    const answer = this.#bridge.ask(link, asked, undefined, posted);
    if (answer.columns !== undefined) variant.columns = answer.columns;
    return { rows: answer.rows ?? [], columns: variant.columns };
  }

  /**
   * Runs a statement of which the rows don't matter. In a transaction nobody waits for it until
   * something is read, or `changes` is, or it is committed: then what failed is thrown.
   */
  execute(text: Text, given: readonly unknown[]): { readonly changes: number } {
    const { link, asked, posted } = this.#asked(text, given, "none");
    const bridge = this.#bridge;
    const sent = bridge.send(link, asked, posted);
    if (this.#transaction === undefined) return { changes: bridge.changesOf(sent) };
    return {
      get changes() {
        return bridge.changesOf(sent);
      },
    };
  }

  #asked(text: Text, given: readonly unknown[], rows: RunAsked["rows"]): Prepared {
    if (!this.#open) throw new DatabaseGone();
    const values = valuesFor(text.template, given);
    const variant = this.#statements.variant(text, values);
    const { thread } = this.#bridge;
    const own = this.#transaction;
    const link = own?.link ?? this.#bridge.link;
    const asked: RunAsked = {
      kind: "run",
      statement: variant.id,
      text: variant.toldThread === thread ? undefined : variant.text,
      values: variant.order.map((name) => toSend(values[name])),
      rows,
      beginReading: this.#beginsReading(),
    };
    if (own !== undefined && text.notifies) own.notify = true;
    // A link that is lost before takes no text along: the next one has to be told.
    const posted = (): void => {
      variant.toldThread = thread;
    };
    return { variant, link, asked, posted };
  }

  #beginsReading(): boolean {
    const own = this.#transaction;
    if (own === undefined || own.begun) return false;
    own.begun = true;
    return true;
  }
}

interface Prepared {
  readonly variant: Variant;
  readonly link: number;
  readonly asked: RunAsked;
  /** the thread has it */
  readonly posted: () => void;
}

interface Found {
  readonly rows: readonly (readonly unknown[])[];
  readonly columns: readonly string[];
}

/**
 * Of a view of larger memory only the view is sent. A text of PostgreSQL has no character 0: it becomes
 * what stands for anything that is no character.
 */
function toSend(value: unknown): Value {
  if (typeof value === "string" && value.includes("\0")) return value.replaceAll("\0", "\ufffd");
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
    const { rows, columns } = this.#connection.query(this.#text, values, "first");
    const [row] = rows;
    return row === undefined ? undefined : this.#toRow(row, columns);
  }

  all(...values: unknown[]): unknown[] {
    const { rows, columns } = this.#connection.query(this.#text, values, "all");
    return rows.map((row) => this.#toRow(row, columns));
  }

  run(...values: unknown[]): { readonly changes: number } {
    return this.#connection.execute(this.#text, values);
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
