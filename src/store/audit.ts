import { setImmediate } from "node:timers/promises";
import type { Statement } from "better-sqlite3";
import type { Connection } from "./database.ts";
import type { AuditEvent, AuditKind, AuditRecord } from "./types.ts";

/** Which records; times in milliseconds since the epoch, `since` included, `until` not. */
export interface AuditQuery {
  readonly user?: string;
  readonly kind?: AuditKind;
  readonly since?: number;
  readonly until?: number;
  /** default 100, at most 10,000 */
  readonly limit?: number;
  /** only records newer than this id, oldest first: for following the trail */
  readonly afterId?: number;
}

const FLUSH_MS = 100;
const FLUSH_AT = 500;
/** What is held back at most while the database refuses writes (disk full). */
const MAX_QUEUED = 10_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
const PRUNE_CHUNK = 1_000;

/** Paths may have 4096 bytes, and each may be shown as four characters. */
const MAX_TEXT = 1_024;

interface AuditRow {
  readonly id: number;
  readonly at: number;
  readonly kind: AuditKind;
  readonly user: string;
  readonly actor: string;
  readonly remote: string;
  readonly session: number | null;
  readonly path: string;
  readonly bytes: number | null;
  readonly duration_ms: number | null;
  readonly detail: string;
}

function toRecord(row: AuditRow): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    kind: row.kind,
    ...(row.user !== "" && { user: row.user }),
    ...(row.actor !== "" && { actor: row.actor }),
    ...(row.remote !== "" && { remote: row.remote }),
    ...(row.session !== null && { session: row.session }),
    ...(row.path !== "" && { path: row.path }),
    ...(row.bytes !== null && { bytes: row.bytes }),
    ...(row.duration_ms !== null && { durationMs: row.duration_ms }),
    ...(row.detail !== "" && { detail: row.detail }),
  };
}

function bounded(event: AuditEvent): AuditEvent {
  const { path, detail } = event;
  const long = (path?.length ?? 0) > MAX_TEXT || (detail?.length ?? 0) > MAX_TEXT;
  if (!long) return event;
  return {
    ...event,
    ...(path !== undefined && { path: shortened(path) }),
    ...(detail !== undefined && { detail: shortened(detail) }),
  };
}

/** The beginning and the end, where a path has its name. */
function shortened(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  const half = MAX_TEXT / 2;
  return `${text.slice(0, half - 1)}…${text.slice(-half)}`;
}

/** The query's SQL and its parameters. */
export function auditSelect(query: AuditQuery): { sql: string; values: (string | number)[] } {
  const terms: [string, string | number | undefined][] = [
    ["user = ?", query.user],
    ["kind = ?", query.kind],
    ["at >= ?", query.since],
    ["at < ?", query.until],
    ["id > ?", query.afterId],
  ];
  const given = terms.filter((term): term is [string, string | number] => term[1] !== undefined);
  const where = given.length > 0 ? `WHERE ${given.map(([sql]) => sql).join(" AND ")}` : "";
  const order = query.afterId === undefined ? "at DESC, id DESC" : "id";
  const limit = Math.max(0, Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT));
  const values = [...given.map(([, value]) => value), limit];
  return { sql: `SELECT * FROM audit ${where} ORDER BY ${order} LIMIT ?`, values };
}

/** The audit trail: written behind, kept within bounds. */
export class AuditStore {
  readonly #connection: Connection;
  readonly #insert: Statement;
  readonly #expired: Statement;
  readonly #surplus: Statement;
  #queue: { at: number; event: AuditEvent }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#insert = connection.prepare(
      `INSERT INTO audit (at, kind, user, actor, remote, session, path, bytes, duration_ms, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#expired = connection.prepare(
      `DELETE FROM audit WHERE id IN
       (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ${PRUNE_CHUNK})`,
    );
    // Ids have no gaps but at the old end, so this keeps at most the number asked for.
    this.#surplus = connection.prepare(
      `DELETE FROM audit WHERE id IN
       (SELECT id FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?
        ORDER BY id LIMIT ${PRUNE_CHUNK})`,
    );
  }

  /** Records that could not be kept because the database refused writes for long. */
  get lost(): number {
    return this.#lost;
  }

  /** Queues a record. It is written within 100 ms, at 500 queued ones, at a query and at close. */
  record(event: AuditEvent): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.#lost += 1;
      return;
    }
    this.#queue.push({ at: Date.now(), event: bounded(event) });
    // Exactly at the mark: while the database refuses writes only the timer tries again.
    if (this.#queue.length === FLUSH_AT) this.flush();
    if (this.#queue.length > 0) this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Writes what is queued, in one transaction. When that fails it stays queued and is tried again. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#queue.length === 0) return;
    try {
      this.#write();
    } catch {
      if (this.#connection.open) this.#timer = setTimeout(() => this.flush(), FLUSH_MS);
    }
  }

  #write(): void {
    this.#connection
      .transaction(() => {
        for (const { at, event } of this.#queue) {
          this.#insert.run(
            at,
            event.kind,
            event.user ?? "",
            event.actor ?? "",
            event.remote ?? "",
            event.session ?? null,
            event.path ?? "",
            event.bytes ?? null,
            event.durationMs === undefined ? null : Math.round(event.durationMs),
            event.detail ?? "",
          );
        }
      })
      .immediate();
    this.#queue = [];
  }

  /** Newest first; with `afterId` oldest first. Sees everything recorded by this process before. */
  async query(query: AuditQuery = {}): Promise<AuditRecord[]> {
    this.flush();
    const { sql, values } = auditSelect(query);
    return this.#connection
      .prepare<unknown[], AuditRow>(sql)
      .all(...values)
      .map(toRecord);
  }

  /**
   * Removes records older than `keepMs` milliseconds and all but the newest `maxRecords`, in small
   * transactions with pauses between. Resolves to the number removed.
   */
  async prune(keepMs: number, maxRecords: number): Promise<number> {
    const expired = await this.#deleteAll(this.#expired, Date.now() - keepMs);
    return expired + (await this.#deleteAll(this.#surplus, maxRecords));
  }

  async #deleteAll(statement: Statement, parameter: number): Promise<number> {
    let removed = 0;
    while (this.#connection.open) {
      const { changes } = statement.run(parameter);
      removed += changes;
      if (changes < PRUNE_CHUNK) break;
      await setImmediate();
    }
    return removed;
  }
}
