import { randomUUID } from "node:crypto";
import type { Connection } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** What calls may take up. */
export const CALL_BOUNDS = {
  /** of the parameters, in bytes of JSON */
  paramsBytes: 64 * 1024,
  /** of an answer, in bytes of JSON */
  answerBytes: 4 * 1024 * 1024,
  /** of one process: not answered, or answers that nobody has taken yet */
  waiting: 64,
  /** in milliseconds */
  lifeMs: 60_000,
} as const;

/** What a process of one machine asks one of another. */
export interface StoredCall {
  readonly id: string;
  /** the row of who asks */
  readonly from: string;
  readonly actor: string;
  readonly method: string;
  /** JSON, as the other wrote it */
  readonly params: string;
}

/** "gone": the process has no row any more; "full": too many wait for it. */
export type Asked = { readonly id: string } | "gone" | "full";

/** `undefined` as an answer: it is still to come; "gone": the call is away, with its process or by its age. */
export type Taken = { readonly answer: string | undefined } | "gone";

/**
 * Calls from process to process where sockets don't reach: rows that only who is asked can answer, once,
 * and only who asked can take.
 */
export class CallStore {
  readonly #connection: Connection;
  readonly #writes: Writes;
  readonly #id: string;
  readonly #sql: ReturnType<typeof prepareCalls>;

  /** @param id this process's own row in `nodes` */
  constructor(connection: Connection, writes: Writes, id: string) {
    this.#connection = connection;
    this.#writes = writes;
    this.#id = id;
    this.#sql = prepareCalls(connection);
  }

  /** Another number when another process has written something since. Costs a few microseconds. */
  get version(): number {
    return this.#connection.version();
  }

  /** @param params JSON of at most {@link CALL_BOUNDS.paramsBytes} */
  ask(to: string, call: Pick<StoredCall, "actor" | "method" | "params">): Promise<Asked> {
    const id = randomUUID();
    const { lifeMs, waiting } = CALL_BOUNDS;
    return this.#write(() => {
      this.#sql.prune.run(lifeMs);
      if ((this.#sql.count.get(to) ?? 0) >= waiting) return "full";
      const { actor, method, params } = call;
      const row = { id, to, from: this.#id, actor, method, params };
      return this.#sql.insert.run(row).changes === 1 ? { id } : "gone";
    });
  }

  /** What this process is asked and has not answered yet, the oldest first. */
  async waiting(): Promise<StoredCall[]> {
    return this.#sql.waiting.all(this.#id, CALL_BOUNDS.lifeMs, CALL_BOUNDS.waiting);
  }

  /**
   * Answers what this process was asked. False when it was not, has answered already, or nobody waits.
   * @param answer JSON of at most {@link CALL_BOUNDS.answerBytes}
   */
  answer(id: string, answer: string): Promise<boolean> {
    return this.#write(() => this.#sql.answer.run(answer, id, this.#id).changes === 1);
  }

  /** The answer to what this process asked; it can be taken once. */
  async take(id: string): Promise<Taken> {
    const row = this.#sql.look.get(id, this.#id);
    if (row === undefined) return "gone";
    if (row.answer === null) return { answer: undefined };
    await this.withdraw(id);
    return { answer: row.answer };
  }

  /** Nobody waits for the answer any more. */
  async withdraw(id: string): Promise<void> {
    await this.#write(() => this.#sql.remove.run(id, this.#id));
  }

  #write<T>(act: () => T): Promise<T> {
    return this.#writes.run(act, { lock: "calls" });
  }
}

function prepareCalls(connection: Connection) {
  return {
    prune: connection.prepare<[number]>("DELETE FROM calls WHERE asked_at < clock_ms() - ?"),
    count: connection
      .prepare<[string], number>("SELECT count(*) FROM calls WHERE to_node = ?")
      .pluck(),
    insert: connection.prepare<object>(
      `INSERT INTO calls (id, to_node, from_node, actor, method, params, asked_at)
       SELECT @id, id, @from, @actor, @method, @params, clock_ms() FROM nodes WHERE id = @to`,
    ),
    waiting: connection.prepare<[string, number, number], StoredCall>(
      `SELECT id, from_node AS "from", actor, method, params FROM calls
       WHERE to_node = ? AND answer IS NULL AND asked_at >= clock_ms() - ?
       ORDER BY asked_at, id LIMIT ?`,
    ),
    answer: connection.prepare<[string, string, string]>(
      "UPDATE calls SET answer = ? WHERE id = ? AND to_node = ? AND answer IS NULL",
    ),
    look: connection.prepare<[string, string], { readonly answer: string | null }>(
      "SELECT answer FROM calls WHERE id = ? AND from_node = ?",
    ),
    remove: connection.prepare<[string, string]>(
      "DELETE FROM calls WHERE id = ? AND from_node = ?",
    ),
  };
}
