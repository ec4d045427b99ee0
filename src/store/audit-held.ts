import type { Connection, Statement } from "./connection.ts";
import type { AuditEvent } from "./types.ts";

/** An event whose record is not decided yet: what is known of it outlives the process. */
export interface HeldEvent {
  /** Records it, as what it has turned out to be. Again: does nothing. */
  settle(event: AuditEvent): void;
}

interface HeldRow {
  readonly id: number;
  readonly at: number;
  readonly event: string;
  readonly node_id: string;
}

/** One that waits; `rowId` when the database has it. */
export interface Held {
  readonly at: number;
  readonly event: AuditEvent;
  rowId?: number;
}

/** The table of what is held: its methods are for use inside a transaction. */
export class HeldTable {
  readonly #nodeId: string;
  readonly #insert: Statement<unknown[], number>;
  readonly #remove: Statement;
  readonly #all: Statement<[], HeldRow>;

  constructor(connection: Connection, nodeId: string) {
    this.#nodeId = nodeId;
    this.#insert = connection
      .prepare<unknown[], number>(
        "INSERT INTO audit_held (node_id, at, event) VALUES (?, ?, ?) RETURNING id",
      )
      .pluck();
    this.#remove = connection.prepare("DELETE FROM audit_held WHERE id = ?");
    this.#all = connection.prepare("SELECT id, at, event, node_id FROM audit_held ORDER BY id");
  }

  /** @returns the row's id */
  insert({ at, event }: Held): number {
    return this.#insert.get(this.#nodeId, at, JSON.stringify(event)) ?? 0;
  }

  /** False when it is gone: somebody else has recorded it. */
  remove(id: number): boolean {
    return this.#remove.run(id).changes > 0;
  }

  /** What processes have left that are not among the living. */
  leftBy(living: ReadonlySet<string>): Held[] {
    return this.#all
      .all()
      .filter(({ node_id: node }) => !living.has(node))
      .map(({ id, at, event }) => ({ rowId: id, at, event: JSON.parse(event) as AuditEvent }));
  }
}
