import { existsSync } from "node:fs";
import { bootId, isThere, livingProcess } from "../processes.ts";
import type { Connection, Statement } from "./connection.ts";
import type { Writes } from "./writes.ts";

export type NodeKind = "server" | "command";

/** A process that uses the store. */
export interface StoreNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly pid: number;
  /** "host:port" a server listens on; empty before and for commands */
  readonly listen: string;
  readonly version: string;
  /** milliseconds since the epoch */
  readonly startedAt: number;
  /** of a worker: its supervisor's id; empty for others */
  readonly supervisor: string;
  readonly alive: boolean;
}

interface NodeRow {
  readonly id: string;
  readonly kind: NodeKind;
  readonly pid: number;
  readonly start_time: string;
  readonly boot_id: string;
  readonly listen: string;
  readonly version: string;
  readonly started_at: number;
  readonly supervisor: string;
}

function isAlive(row: NodeRow, boot: string): boolean {
  if (row.boot_id !== boot) return false;
  const found = livingProcess(row.pid);
  return found === undefined ? isHidden(row.pid) : found.startTime === row.start_time;
}

/** True when /proc hides the process (hidepid) but the kernel says it is there. */
function isHidden(pid: number): boolean {
  return !existsSync(`/proc/${pid}`) && isThere(pid);
}

/** The processes that share the store, and which of them still live. */
export class NodeStore {
  readonly #writes: Writes;
  readonly #id: string;
  readonly #boot = bootId();
  readonly #insert: Statement;
  readonly #all: Statement<[], NodeRow>;
  readonly #withSessions: Statement<[], NodeRow>;
  readonly #setListen: Statement;
  readonly #removeSessions: Statement;
  readonly #remove: Statement;
  readonly #journaled: Statement<[string], number>;

  constructor(connection: Connection, writes: Writes, id: string) {
    this.#writes = writes;
    this.#id = id;
    this.#insert = connection.prepare(
      `INSERT INTO nodes (id, kind, pid, start_time, boot_id, version, started_at, supervisor)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#all = connection.prepare("SELECT * FROM nodes ORDER BY started_at, id");
    this.#withSessions = connection.prepare(
      "SELECT * FROM nodes WHERE id IN (SELECT node_id FROM sessions)",
    );
    this.#setListen = connection.prepare("UPDATE nodes SET listen = ? WHERE id = ?");
    this.#removeSessions = connection.prepare("DELETE FROM sessions WHERE node_id = ?");
    this.#remove = connection.prepare("DELETE FROM nodes WHERE id = ?");
    this.#journaled = connection
      .prepare<[string], number>(
        `WITH own AS (SELECT ? AS id)
         SELECT EXISTS (SELECT 1 FROM open_files JOIN own ON node_id = own.id) OR EXISTS (SELECT 1 FROM homes JOIN own ON holder = own.id)`,
      )
      .pluck();
  }

  /** Writes this process's own row. @param supervisor of a worker: its supervisor's id */
  async register(kind: NodeKind, version: string, supervisor = ""): Promise<void> {
    const startTime = livingProcess(process.pid)?.startTime;
    if (startTime === undefined) throw new Error("/proc is not mounted: it is needed");
    const row = [this.#id, kind, process.pid, startTime, this.#boot, version, Date.now()];
    await this.#writes.run(() => this.#insert.run(...row, supervisor), { lock: "nodes" });
  }

  /** Takes back this process's row and sessions. The row stays while it has files in the
   * journal, or holds homes. */
  async unregister(): Promise<void> {
    const remove = (): void => {
      this.#removeSessions.run(this.#id);
      if (this.#journaled.get(this.#id) === 0) this.#remove.run(this.#id);
    };
    await this.#writes.run(remove, { lock: "nodes" });
  }

  async list(): Promise<StoreNode[]> {
    return this.#all.all().map((row) => ({
      id: row.id,
      kind: row.kind,
      pid: row.pid,
      listen: row.listen,
      version: row.version,
      startedAt: row.started_at,
      supervisor: row.supervisor,
      alive: row.id === this.#id || isAlive(row, this.#boot),
    }));
  }

  /** Nodes whose process ended without taking its row back: killed, or before a reboot. */
  async dead(): Promise<StoreNode[]> {
    return (await this.list()).filter((node) => !node.alive);
  }

  /** Says where this server listens, "host:port". */
  async setListen(listen: string): Promise<void> {
    await this.#writes.run(() => this.#setListen.run(listen, this.#id), { lock: "nodes" });
  }

  /**
   * Removes a node and its sessions; does nothing when it is gone already.
   * Rejects while its journal of open files is not settled.
   */
  async remove(id: string): Promise<void> {
    const remove = (): void => {
      if (this.#journaled.get(id) !== 0) {
        throw new Error(`node ${id} still has a journal: settle it before removing the node`);
      }
      this.#removeSessions.run(id);
      this.#remove.run(id);
    };
    await this.#writes.run(remove, { lock: "nodes" });
  }

  /** Ids of the living nodes that have sessions, as a JSON array for json_each. Synchronous: for
   * use inside a transaction. */
  liveWithSessions(): string {
    const live = this.#withSessions
      .all()
      .filter((row) => row.id === this.#id || isAlive(row, this.#boot));
    return JSON.stringify(live.map((row) => row.id));
  }
}
