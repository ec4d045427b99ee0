import type { Connection, Statement } from "./connection.ts";
import type { WriteOptions, Writes } from "./writes.ts";

interface OutputRow {
  readonly last_id: number;
  readonly holder: string;
}

/** Where records go beside the database, and how far: of all processes one writes each. */
export class AuditOutputs {
  readonly #writes: Writes;
  readonly #nodeId: string;
  readonly #get: Statement<[string], OutputRow>;
  readonly #begin: Statement;
  readonly #take: Statement;
  readonly #advance: Statement;
  readonly #remove: Statement;

  constructor(connection: Connection, writes: Writes, nodeId: string) {
    this.#writes = writes;
    this.#nodeId = nodeId;
    this.#get = connection.prepare("SELECT last_id, holder FROM audit_outputs WHERE name = ?");
    this.#begin = connection.prepare(
      `INSERT INTO audit_outputs (name, last_id)
       SELECT ?, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)
       ON CONFLICT DO NOTHING`,
    );
    this.#take = connection.prepare("UPDATE audit_outputs SET holder = ? WHERE name = ?");
    this.#advance = connection.prepare(
      "UPDATE audit_outputs SET last_id = ? WHERE name = ? AND holder = ?",
    );
    this.#remove = connection.prepare("DELETE FROM audit_outputs WHERE name = ?");
  }

  /**
   * Makes this process the one that writes this output, unless another one of the living does.
   * A new output begins with what is recorded from now on.
   * @param living resolves to ids of nodes; asked only when another process wrote it last
   * @returns the id of the last record that was written; undefined: another process writes it
   */
  async claim(
    name: string,
    living: () => Promise<ReadonlySet<string>>,
  ): Promise<number | undefined> {
    const now = this.#get.get(name);
    if (now?.holder === this.#nodeId) return now.last_id;
    const before = now?.holder ?? "";
    if (before !== "" && (await living()).has(before)) return undefined;
    return this.#alone(() => {
      this.#begin.run(name);
      const row = this.#get.get(name);
      // Somebody else took it meanwhile.
      if (row === undefined || row.holder !== before) return undefined;
      this.#take.run(this.#nodeId, name);
      return row.last_id;
    });
  }

  /** Everything up to this record is written. */
  async advance(name: string, lastId: number): Promise<void> {
    await this.#alone(() => this.#advance.run(lastId, name, this.#nodeId), {
      deferrable: true,
    });
  }

  /** Nobody wants this output any more: should somebody again, it begins anew. */
  async forget(name: string): Promise<void> {
    if (this.#get.get(name) !== undefined) await this.#alone(() => this.#remove.run(name));
  }

  #alone<T>(act: () => T, options: WriteOptions<T> = {}): Promise<T> {
    return this.#writes.run(act, { ...options, lock: "audit" });
  }
}
