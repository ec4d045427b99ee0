import { setImmediate } from "node:timers/promises";
import type { Statement } from "better-sqlite3";
import type { Connection } from "./database.ts";
import { type TrafficQuery, type TrafficTotal, trafficTotals } from "./traffic.ts";
import type { AuditEvent, AuditKind, AuditRecord } from "./types.ts";
import type { Writes } from "./writes.ts";

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
  /**
   * Anywhere in kind, user, actor, remote, path or detail, capitals of ASCII or not. It is looked for
   * in the newest 20,000 records that fit the rest: the time that a query takes has a bound.
   */
  readonly text?: string;
}

const FLUSH_MS = 100;
const FLUSH_AT = 500;
/** How long a query waits until what was recorded before it is written. */
const QUERY_PATIENCE_MS = 250;
/** What is held back at most while the database refuses writes (disk full). */
const MAX_QUEUED = 10_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
/** Among how many records a text is looked for. */
const TEXT_RECORDS = 20_000;
const PRUNE_CHUNK = 1_000;
/** What is removed at once of a kind that has as many as another one. */
const EQUAL_CHUNK = 50;

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

interface KindCount {
  readonly kind: AuditKind;
  readonly records: number;
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
  const values = given.map(([, value]) => value);
  const all = `SELECT * FROM audit ${where} ORDER BY ${order} LIMIT`;
  if (query.text === undefined) return { sql: `${all} ?`, values: [...values, limit] };
  const found = `SELECT * FROM (${all} ${TEXT_RECORDS}) WHERE ${SEARCHED} LIKE ? ESCAPE '\\'`;
  const pattern = `%${query.text.replace(/[\\%_]/g, "\\$&")}%`;
  return { sql: `${found} ORDER BY ${order} LIMIT ?`, values: [...values, pattern, limit] };
}

/** What a text is looked for in; {@link hasText} is the same of one record. */
const SEARCHED =
  "(kind || ' ' || user || ' ' || actor || ' ' || remote || ' ' || path || ' ' || detail)";

/** Whether a record has a text, as {@link AuditQuery.text} says. */
export function hasText(record: AuditRecord, text: string): boolean {
  const { kind, user = "", actor = "", remote = "", path = "", detail = "" } = record;
  return small([kind, user, actor, remote, path, detail].join(" ")).includes(small(text));
}

/** As SQLite's LIKE takes letters. */
function small(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The audit trail: written behind, kept within bounds. */
export class AuditStore {
  readonly #connection: Connection;
  readonly #writes: Writes;
  readonly #insert: Statement;
  readonly #count: Statement<[AuditKind, number]>;
  readonly #counts: Statement<[], KindCount>;
  readonly #expired: Statement<[number], AuditKind>;
  readonly #surplus: Statement<[AuditKind, number], AuditKind>;
  readonly #queue: { at: number; event: AuditEvent }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;

  constructor(connection: Connection, writes: Writes) {
    this.#connection = connection;
    this.#writes = writes;
    this.#insert = connection.prepare(
      `INSERT INTO audit (at, kind, user, actor, remote, session, path, bytes, duration_ms, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#count = connection.prepare(
      `INSERT INTO audit_counts VALUES (?, ?)
       ON CONFLICT (kind) DO UPDATE SET records = records + excluded.records`,
    );
    this.#counts = connection.prepare("SELECT kind, records FROM audit_counts WHERE records > 0");
    this.#expired = connection
      .prepare<[number], AuditKind>(
        `DELETE FROM audit WHERE id IN
         (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ${PRUNE_CHUNK}) RETURNING kind`,
      )
      .pluck();
    this.#surplus = connection
      .prepare<[AuditKind, number], AuditKind>(
        `DELETE FROM audit WHERE id IN
         (SELECT id FROM audit WHERE kind = ? ORDER BY at, id LIMIT ?) RETURNING kind`,
      )
      .pluck();
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
    if (this.#queue.length === FLUSH_AT) void this.flush(0);
    if (this.#queue.length > 0) this.#later();
  }

  #later(): void {
    this.#timer ??= setTimeout(() => void this.flush(FLUSH_MS), FLUSH_MS);
  }

  /**
   * Writes what is queued, in one transaction. When that fails it stays queued and is tried again.
   * @param patienceMs how long to wait for a lock on the database; without it as long as any write
   */
  async flush(patienceMs?: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#queue.length === 0) return;
    const booked = (written: number): void => {
      this.#queue.splice(0, written);
    };
    try {
      const wait = patienceMs === undefined ? {} : { patienceMs };
      await this.#writes.run(() => this.#write(), { booked, deferrable: true, ...wait });
    } catch {
      if (this.#connection.open) this.#later();
    }
  }

  /** @returns the number of records */
  #write(): number {
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
    this.#counted(
      this.#queue.map(({ event }) => event.kind),
      1,
    );
    return this.#queue.length;
  }

  /** Keeps the numbers of records by kind true, in the transaction that adds or removes them. */
  #counted(kinds: readonly AuditKind[], sign: 1 | -1): void {
    const numbers = new Map<AuditKind, number>();
    for (const kind of kinds) numbers.set(kind, (numbers.get(kind) ?? 0) + sign);
    for (const [kind, number] of numbers) this.#count.run(kind, number);
  }

  /**
   * Newest first; with `afterId` oldest first. Sees everything recorded by this process before,
   * unless the database can't be written.
   */
  async query(query: AuditQuery = {}): Promise<AuditRecord[]> {
    await this.flush(QUERY_PATIENCE_MS);
    const { sql, values } = auditSelect(query);
    return this.#connection
      .prepare<unknown[], AuditRow>(sql)
      .all(...values)
      .map(toRecord);
  }

  /** What was moved, by user or by day; sees what {@link query} sees. */
  async traffic(query: TrafficQuery): Promise<readonly TrafficTotal[]> {
    await this.flush(QUERY_PATIENCE_MS);
    return trafficTotals(this.#connection, query);
  }

  /**
   * Removes records older than `keepMs` milliseconds, then the oldest of whichever kind has most
   * until there are `maxRecords`: a flood of one kind can't push out the others. In small
   * transactions with pauses between. Resolves to the number removed.
   */
  async prune(keepMs: number, maxRecords: number): Promise<number> {
    const before = Date.now() - keepMs;
    const expired = await this.#inSteps(() => this.#expired.all(before));
    return expired + (await this.#inSteps(() => this.#removeSurplus(maxRecords)));
  }

  /** Of the most frequent kind so many that it stays that, or is like the next. */
  #removeSurplus(maxRecords: number): AuditKind[] {
    const counts = this.#counts.all().sort((a, b) => b.records - a.records);
    const [first, second] = counts;
    const surplus = counts.reduce((sum, { records }) => sum + records, 0) - maxRecords;
    if (first === undefined || surplus <= 0) return [];
    const lead = Math.max(first.records - (second?.records ?? 0), EQUAL_CHUNK);
    return this.#surplus.all(first.kind, Math.min(surplus, lead, PRUNE_CHUNK));
  }

  /** Repeats a step, which tells what it removed, until it removes nothing. */
  async #inSteps(remove: () => AuditKind[]): Promise<number> {
    let removed = 0;
    while (this.#connection.open) {
      const kinds = await this.#writes.run(() => {
        const gone = remove();
        this.#counted(gone, -1);
        return gone;
      });
      if (kinds.length === 0) break;
      removed += kinds.length;
      await setImmediate();
    }
    return removed;
  }
}
