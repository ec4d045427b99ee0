import { setImmediate } from "node:timers/promises";
import { tally } from "../tally.ts";
import { AuditBatches } from "./audit-batches.ts";
import type { AuditFilter } from "./audit-filter.ts";
import { type Held, type HeldEvent, HeldTable } from "./audit-held.ts";
import { type AuditPage, type AuditPageQuery, AuditPages } from "./audit-pages.ts";
import { type AuditRow, bounded, INSERT_AUDIT, toRecord, toValues } from "./audit-rows.ts";
import type { Connection, Statement } from "./connection.ts";
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

interface KindCount {
  readonly kind: AuditKind;
  readonly records: number;
}

interface Queued {
  readonly at: number;
  readonly event: AuditEvent;
  /** the row that held it, until now */
  readonly heldRow?: number;
}

interface Written {
  /** from the queue */
  readonly written: number;
  /** with their rows */
  readonly held: readonly (readonly [Held, number])[];
}

/** What is left of a record that is removed. */
interface Gone {
  readonly kind: AuditKind;
  readonly batch: number | null;
  readonly lead: number;
}

/** The query's SQL and its parameters. */
export function auditSelect(query: AuditQuery): { sql: string; values: (string | number)[] } {
  const terms: [string, string | number | undefined][] = [
    ['"user" = ?', query.user],
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
  const found = `SELECT * FROM (${all} ${TEXT_RECORDS}) AS newest WHERE ${SEARCHED} LIKE ? ESCAPE '\\'`;
  const pattern = `%${query.text.replace(/[\\%_]/g, "\\$&")}%`;
  return { sql: `${found} ORDER BY ${order} LIMIT ?`, values: [...values, pattern, limit] };
}

/** What a text is looked for in; {@link hasText} is the same of one record. */
const SEARCHED = `(kind || ' ' || "user" || ' ' || actor || ' ' || remote || ' ' || path || ' ' || detail)`;

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
  readonly #expired: Statement<[number], Gone>;
  readonly #surplus: Statement<[AuditKind, number], Gone>;
  readonly #newLead: Statement<[number]>;
  readonly #lastId: Statement<[], number>;
  readonly #held: HeldTable;
  readonly #pages: AuditPages;
  readonly #batches = new AuditBatches();
  readonly #queue: Queued[] = [];
  /** what is held and the database doesn't know of */
  readonly #unwritten = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;
  #lost = 0;

  /** @param nodeId of this process: what it holds when it dies is recorded by others */
  constructor(connection: Connection, writes: Writes, nodeId: string) {
    this.#connection = connection;
    this.#writes = writes;
    this.#held = new HeldTable(connection, nodeId);
    this.#pages = new AuditPages(connection);
    this.#insert = connection.prepare(INSERT_AUDIT);
    this.#lastId = connection
      .prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
      .pluck();
    this.#count = connection.prepare(
      `INSERT INTO audit_counts VALUES (?, ?)
       ON CONFLICT (kind) DO UPDATE SET records = audit_counts.records + excluded.records`,
    );
    this.#counts = connection.prepare("SELECT kind, records FROM audit_counts WHERE records > 0");
    this.#expired = connection.prepare<[number], Gone>(
      `DELETE FROM audit WHERE id IN
       (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ${PRUNE_CHUNK})
       RETURNING kind, batch, lead`,
    );
    this.#surplus = connection.prepare<[AuditKind, number], Gone>(
      `DELETE FROM audit WHERE id IN
       (SELECT id FROM audit WHERE kind = ? ORDER BY at, id LIMIT ?) RETURNING kind, batch, lead`,
    );
    this.#newLead = connection.prepare(
      `UPDATE audit SET lead = 1 WHERE id =
       (SELECT id FROM audit WHERE batch = ? ORDER BY at, id LIMIT 1)`,
    );
  }

  /** Records that could not be kept because the database refused writes for long. */
  get lost(): number {
    return this.#lost;
  }

  /** Queues a record. It is written within 100 ms, at 500 queued ones, at a query and at close. */
  record(event: AuditEvent): void {
    this.#add({ at: Date.now(), event: bounded(event) });
  }

  /**
   * Takes an event whose record is decided soon: settle it with `settle`. When the process dies
   * before, {@link recoverHeld} records it as it was given here.
   */
  hold(event: AuditEvent): HeldEvent {
    const held: Held = { at: Date.now(), event: bounded(event) };
    if (this.#unwritten.size < MAX_QUEUED) this.#unwritten.add(held);
    this.#later();
    let isSettled = false;
    return {
      settle: (final) => {
        if (isSettled) return;
        isSettled = true;
        this.#unwritten.delete(held);
        const row = held.rowId === undefined ? {} : { heldRow: held.rowId };
        this.#add({ at: held.at, event: bounded(final), ...row });
      },
    };
  }

  /** Records what processes held that are not among the living. @param living ids of nodes */
  recoverHeld(living: ReadonlySet<string>): void {
    const queued = new Set(this.#queue.map(({ heldRow }) => heldRow));
    for (const { at, event, rowId } of this.#held.leftBy(living)) {
      if (rowId !== undefined && !queued.has(rowId)) this.#add({ at, event, heldRow: rowId });
    }
  }

  #add(queued: Queued): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.#lost += 1;
      tally.count("lostRecords");
      return;
    }
    this.#queue.push(queued);
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
    if (this.#queue.length === 0 && this.#unwritten.size === 0) return;
    const booked = ({ written, held }: Written): void => {
      this.#queue.splice(0, written);
      this.#batches.commit();
      for (const [one, rowId] of held) {
        one.rowId = rowId;
        this.#unwritten.delete(one);
      }
    };
    try {
      const wait = patienceMs === undefined ? {} : { patienceMs };
      await this.#writes.run(() => this.#write(), {
        booked,
        deferrable: true,
        lock: "audit",
        ...wait,
      });
    } catch {
      if (this.#connection.isOpen) this.#later();
    }
  }

  #write(): Written {
    this.#batches.begin();
    const kinds: AuditKind[] = [];
    let id = this.#lastId.get() ?? 0;
    for (const { at, event, heldRow } of this.#queue) {
      // Another process took this one for dead and recorded what it held.
      if (heldRow !== undefined && !this.#held.remove(heldRow)) continue;
      id += 1;
      const batch = this.#batches.of(id, at, event);
      const isLead = batch === undefined || batch === id;
      this.#insert.run(id, ...toValues(at, event), batch ?? null, isLead ? 1 : 0);
      kinds.push(event.kind);
    }
    this.#counted(kinds, 1);
    const held = [...this.#unwritten].map((one) => [one, this.#held.insert(one)] as const);
    return { written: this.#queue.length, held };
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
   * A page of what fits, newest first, read in many small steps. Sees what {@link query} sees.
   * What is older than `next` has the pages after it, whatever is recorded meanwhile.
   */
  async page(query: AuditPageQuery = {}): Promise<AuditPage> {
    await this.flush(QUERY_PATIENCE_MS);
    return this.#pages.page(query);
  }

  /** How many records fit. Without a filter, or of kinds alone, that is known at once. */
  async count(filter: AuditFilter = {}): Promise<number> {
    await this.flush(QUERY_PATIENCE_MS);
    const { kinds, ...more } = filter;
    if (Object.values(more).some((value) => value !== undefined)) return this.#pages.count(filter);
    return this.#counts
      .all()
      .filter(({ kind }) => kinds === undefined || kinds.includes(kind))
      .reduce((sum, { records }) => sum + records, 0);
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
  #removeSurplus(maxRecords: number): Gone[] {
    const counts = this.#counts.all().sort((a, b) => b.records - a.records);
    const [first, second] = counts;
    const surplus = counts.reduce((sum, { records }) => sum + records, 0) - maxRecords;
    if (first === undefined || surplus <= 0) return [];
    const lead = Math.max(first.records - (second?.records ?? 0), EQUAL_CHUNK);
    return this.#surplus.all(first.kind, Math.min(surplus, lead, PRUNE_CHUNK));
  }

  /** Repeats a step, which tells what it removed, until it removes nothing. */
  async #inSteps(remove: () => Gone[]): Promise<number> {
    let removed = 0;
    while (this.#connection.isOpen) {
      const gone = await this.#writes.run(
        () => {
          const those = remove();
          const kinds = those.map(({ kind }) => kind);
          this.#counted(kinds, -1);
          for (const { batch, lead } of those) {
            if (batch !== null && lead === 1) this.#newLead.run(batch);
          }
          return those;
        },
        { lock: "audit" },
      );
      if (gone.length === 0) break;
      removed += gone.length;
      await setImmediate();
    }
    return removed;
  }
}
