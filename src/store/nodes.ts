import { existsSync } from "node:fs";
import { bootId, isThere, livingProcess } from "../processes.ts";
import type { Connection } from "./connection.ts";
import type { Life } from "./life.ts";
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
  /** what people call its machine; empty where one machine is alone */
  readonly host: string;
  /** it is of this machine: its process is here to be looked at, and its sockets to be asked */
  readonly isHere: boolean;
  /**
   * When it is dead: what it wrote down for such a time can't be relied on, since another machine may
   * have had it in its memory. What it used is counted.
   */
  readonly isLost: boolean;
  /** When it last said that it lives, by the database's clock; null where one machine is alone. */
  readonly renewedAt: number | null;
}

/** What a process writes of itself. */
interface OwnRow {
  readonly kind: NodeKind;
  readonly version: string;
  readonly supervisor: string;
  readonly startTime: string;
  readonly startedAt: number;
  listen: string;
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
  readonly machine: string;
  readonly host: string;
  readonly renewed_at: number;
  readonly given_up_at: number;
  /** 1: it renewed in time, by the database's clock */
  readonly renewed: number;
}

/** Of a process of this machine. */
function isRunning(row: NodeRow, boot: string): boolean {
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
  readonly #life: Life;
  readonly #boot = bootId();
  readonly #sql: ReturnType<typeof prepareNodes>;
  #own: OwnRow | undefined;

  constructor(connection: Connection, writes: Writes, id: string, life: Life) {
    this.#writes = writes;
    this.#id = id;
    this.#life = life;
    this.#sql = prepareNodes(connection);
  }

  /** Writes this process's own row. @param supervisor of a worker: its supervisor's id */
  async register(kind: NodeKind, version: string, supervisor = ""): Promise<void> {
    const startTime = livingProcess(process.pid)?.startTime;
    if (startTime === undefined) throw new Error("/proc is not mounted: it is needed");
    this.#own = { kind, version, supervisor, startTime, startedAt: Date.now(), listen: "" };
    const own = this.#own;
    await this.#writes.run(() => this.#insert(own), { lock: "nodes" });
    this.#life.renew(() => this.#renew());
  }

  #insert({ kind, startTime, version, startedAt, supervisor, listen }: OwnRow): void {
    const { machine = "", host = "", leaseMs = 0 } = this.#life.options ?? {};
    const row = { id: this.#id, kind, pid: process.pid, startTime, boot: this.#boot, version };
    this.#sql.insert.run({ ...row, startedAt, supervisor, listen, machine, host, leaseMs });
  }

  /**
   * For who is to begin something: comes back at once after the database was away.
   * @throws FsError EIO when this process has lost touch; what the database throws
   */
  requireTouch(): void {
    if (!this.#life.mayWrite && !this.#life.isEnded) this.#life.renew(() => this.#renew());
    this.#life.check();
  }

  /** False when others took over. */
  #renew(): boolean {
    return this.#sql.renew.run(this.#id).changes > 0;
  }

  /** Gives signs of life from now on, where others need them. @param failed is told why one could not be given */
  keepAlive(failed: (error: unknown) => void): void {
    this.#life.keep(() => this.#renew(), failed);
  }

  /**
   * Makes this process's row anew when others took over what it had, and are done.
   * @param intent the number of its last one, which is booked
   * @returns false while they are not
   */
  async rejoin(intent: number): Promise<boolean> {
    const own = this.#own;
    if (own === undefined) return false;
    const isDone = await this.#writes.run(
      () => {
        if (this.#isBooked(this.#id)) return false;
        this.#sql.remove.run(this.#id);
        this.#insert(own);
        this.#sql.setIntent.run(intent, this.#id);
        return true;
      },
      { lock: "nodes" },
    );
    if (isDone) this.#life.beginAnew(() => this.#renew());
    return isDone;
  }

  /** Takes back this process's row and sessions. The row stays while it has files in the
   * journal, or holds homes. */
  async unregister(): Promise<void> {
    await this.#writes.run(
      () => {
        this.#sql.removeSessions.run(this.#id);
        if (!this.#isBooked(this.#id)) this.#sql.remove.run(this.#id);
      },
      { lock: "nodes" },
    );
  }

  /** The books have files or homes of it. */
  #isBooked(id: string): boolean {
    return this.#sql.booked.get(id) !== 0;
  }

  async list(): Promise<StoreNode[]> {
    return this.#sql.all.all().map((row) => ({
      id: row.id,
      kind: row.kind,
      pid: row.pid,
      listen: row.listen,
      version: row.version,
      startedAt: row.started_at,
      supervisor: row.supervisor,
      host: row.host,
      alive: this.#isAlive(row),
      isHere: this.#isHere(row),
      isLost: !this.#isHere(row) || row.given_up_at > 0,
      renewedAt: this.#life.options === undefined ? null : row.renewed_at,
    }));
  }

  #isHere({ machine }: NodeRow): boolean {
    const { options } = this.#life;
    return options === undefined || machine === options.machine;
  }

  #isAlive(row: NodeRow): boolean {
    if (row.id === this.#id) return !this.#life.isEnded;
    if (row.given_up_at > 0) return false;
    return this.#isHere(row) ? isRunning(row, this.#boot) : row.renewed === 1;
  }

  /** Nodes whose process ended without taking its row back: killed, or before a reboot. */
  async dead(): Promise<StoreNode[]> {
    return (await this.list()).filter((node) => !node.alive);
  }

  /**
   * Makes sure that a node of another machine, which was silent for too long, writes no more: from
   * then on it can't renew.
   * @returns false when it has just renewed after all, or this process can't judge that
   */
  async giveUp(id: string): Promise<boolean> {
    if (this.#life.isSteady) this.#sql.giveUp.run(id);
    return (this.#sql.givenUp.get(id) ?? 1) > 0;
  }

  /** Says where this server listens, "host:port". */
  async setListen(listen: string): Promise<void> {
    if (this.#own !== undefined) this.#own.listen = listen;
    await this.#writes.run(() => this.#sql.setListen.run(listen, this.#id), { lock: "nodes" });
  }

  /**
   * Removes a node and its sessions; does nothing when it is gone already.
   * Rejects while its journal of open files is not settled.
   */
  async remove(id: string): Promise<void> {
    await this.#writes.run(
      () => {
        if (this.#isBooked(id)) {
          throw new Error(`node ${id} still has a journal: settle it before removing the node`);
        }
        this.#sql.removeSessions.run(id);
        this.#sql.remove.run(id);
      },
      { lock: "nodes" },
    );
  }

  /** Ids of the living nodes that have sessions, as a JSON array for json_each. Synchronous: for
   * use inside a transaction. */
  liveWithSessions(): string {
    const live = this.#sql.withSessions.all().filter((row) => this.#isAlive(row));
    return JSON.stringify(live.map((row) => row.id));
  }
}

function prepareNodes(connection: Connection) {
  const nodes = `SELECT *, CASE WHEN renewed_at + lease_ms > clock_ms() THEN 1 ELSE 0 END AS renewed
    FROM nodes`;
  return {
    insert: connection.prepare<object>(
      `INSERT INTO nodes (id, kind, pid, start_time, boot_id, version, started_at, supervisor,
         listen, machine, host, lease_ms, renewed_at)
       VALUES (@id, @kind, @pid, @startTime, @boot, @version, @startedAt, @supervisor,
         @listen, @machine, @host, @leaseMs, clock_ms())`,
    ),
    renew: connection.prepare<[string]>(
      "UPDATE nodes SET renewed_at = clock_ms() WHERE id = ? AND given_up_at = 0",
    ),
    giveUp: connection.prepare<[string]>(
      `UPDATE nodes SET given_up_at = clock_ms()
       WHERE id = ? AND given_up_at = 0 AND renewed_at + lease_ms <= clock_ms()`,
    ),
    givenUp: connection
      .prepare<[string], number>("SELECT given_up_at FROM nodes WHERE id = ?")
      .pluck(),
    all: connection.prepare<[], NodeRow>(`${nodes} ORDER BY started_at, id`),
    withSessions: connection.prepare<[], NodeRow>(
      `${nodes} WHERE id IN (SELECT node_id FROM sessions)`,
    ),
    setListen: connection.prepare<[string, string]>("UPDATE nodes SET listen = ? WHERE id = ?"),
    setIntent: connection.prepare<[number, string]>("UPDATE nodes SET intent = ? WHERE id = ?"),
    removeSessions: connection.prepare<[string]>("DELETE FROM sessions WHERE node_id = ?"),
    remove: connection.prepare<[string]>("DELETE FROM nodes WHERE id = ?"),
    booked: connection
      .prepare<[string], number>(
        `WITH own AS (SELECT CAST(? AS TEXT) AS id)
         SELECT CASE WHEN EXISTS (SELECT 1 FROM open_files JOIN own ON node_id = own.id)
           OR EXISTS (SELECT 1 FROM homes JOIN own ON holder = own.id) THEN 1 ELSE 0 END`,
      )
      .pluck(),
  };
}
