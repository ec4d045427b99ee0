import type { Store } from "../store/store.ts";
import type { AuditRecord } from "../store/types.ts";

/** Where records go. What it rejects with is tried again from the same record on. */
export interface Outlet {
  /** Resolves when they are out of this process's hands. */
  write(records: readonly AuditRecord[]): Promise<void>;
  close(): void;
}

/** Records that are read and written at once: all that is in memory of them. */
const CHUNK = 500;
/** After a failure it is tried again so much later, each time twice as long, in milliseconds. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Reads the audit trail from the database and passes it on. Nothing waits for an outlet: what it
 * doesn't take stays where it is, and it goes on there when it takes some again.
 */
export class OutletFeed {
  readonly #name: string;
  readonly #store: Pick<Store, "audit" | "auditOutputs" | "nodes">;
  readonly #outlet: Outlet;
  readonly #now: () => number;
  #pause = 0;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(
    name: string,
    store: Pick<Store, "audit" | "auditOutputs" | "nodes">,
    outlet: Outlet,
    now: () => number = () => performance.now(),
  ) {
    this.#name = name;
    this.#store = store;
    this.#outlet = outlet;
    this.#now = now;
  }

  /** Passes on what is new. Rejects with the outlet's error, the first of a row of failures. */
  async feed(): Promise<void> {
    if (this.#now() < this.#notBefore) return;
    let last = await this.#store.auditOutputs.claim(this.#name, async () => {
      const nodes = await this.#store.nodes.list();
      return new Set(nodes.flatMap(({ id, alive }) => (alive ? [id] : [])));
    });
    while (last !== undefined) {
      const records = await this.#store.audit.query({ afterId: last, limit: CHUNK });
      const newest = records.at(-1);
      if (newest === undefined || !(await this.#written(records))) return;
      last = newest.id;
      await this.#store.auditOutputs.advance(this.#name, last);
      if (records.length < CHUNK) return;
    }
  }

  async #written(records: readonly AuditRecord[]): Promise<boolean> {
    try {
      await this.#outlet.write(records);
      this.#pause = 0;
      return true;
    } catch (error) {
      const isFirst = this.#pause === 0;
      this.#pause = Math.min(Math.max(this.#pause * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
      this.#notBefore = this.#now() + this.#pause;
      if (isFirst) throw error;
      return false;
    }
  }

  close(): void {
    this.#outlet.close();
  }
}
