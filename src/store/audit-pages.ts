import { setImmediate } from "node:timers/promises";
import { MAX_SPAN_MS } from "./audit-batches.ts";
import {
  type AuditFilter,
  drivingTerms,
  type Matchers,
  matchersOf,
  otherTerms,
  type Term,
} from "./audit-filter.ts";
import { type AuditRow, toRecord } from "./audit-rows.ts";
import type { Connection, Statement } from "./connection.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import type { AuditRecord } from "./types.ts";

/** Where a page ends: records are ordered by time, those of one millisecond by their id. */
export interface AuditPlace {
  readonly at: number;
  readonly id: number;
}

export interface AuditPageQuery extends AuditFilter {
  /** default 100, at most 10,000 */
  readonly limit?: number;
  /** what the page before gave as `next` */
  readonly before?: AuditPlace;
  /** records that belong together as one line, unless a path or text is sought */
  readonly grouped?: boolean;
  /** how many records are looked at before the page is given, though it may not be full */
  readonly budget?: number;
}

/** Records that are shown as one, of which `record` is the first. */
export interface AuditLine {
  readonly record: AuditRecord;
  /** absent: the record alone */
  readonly all?: {
    readonly records: number;
    readonly bytes: number;
    /** of the first and the last, in milliseconds since the epoch */
    readonly since: number;
    readonly until: number;
  };
}

export interface AuditPage {
  /** newest first */
  readonly lines: readonly AuditLine[];
  /** absent: there are no more */
  readonly next?: AuditPlace;
}

/** Records looked at in one turn of the event loop. */
const WINDOW = 2_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;

const NEWEST: AuditPlace = { at: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER };

const RANGE = "(at, id) >= ($fromAt, $fromId) AND (at, id) < ($toAt, $toId)";
const ORDER = "ORDER BY at DESC, id DESC";
const LEADS: Term = { sql: "lead = 1", named: {} };
/** Also the first of a batch whose beginning is before what is asked for. */
const LEADS_AND_CUT: Term = {
  sql: `(lead = 1 OR NOT EXISTS (SELECT 1 FROM audit AS earlier WHERE earlier.batch = audit.batch
    AND earlier.at >= $fromAt AND (earlier.at, earlier.id) < (audit.at, audit.id)))`,
  named: {},
};

/** A stretch of time in which the same is asked. */
interface Stretch {
  readonly from: AuditPlace;
  readonly to: AuditPlace;
  readonly terms: readonly Term[];
}

interface Window {
  readonly from: AuditPlace;
  readonly to: AuditPlace;
}

type Named = Record<string, string | number>;

function where(terms: readonly Term[]): string {
  return ["", ...terms.map(({ sql }) => sql)].join(" AND ");
}

function values(terms: readonly Term[], { from, to }: Window): Named {
  const range = { fromAt: from.at, fromId: from.id, toAt: to.at, toId: to.id };
  return Object.assign({}, ...terms.map(({ named }) => named), range);
}

/** SQL of the records of a stretch; `columns` is what of them. */
export function stretchSql(
  columns: string,
  driving: readonly Term[],
  terms: readonly Term[],
  engine: Connection["engine"] = "sqlite",
) {
  const isOfLeads = driving.length === 0 && terms.includes(LEADS);
  const named = isOfLeads ? " INDEXED BY audit_lead" : " INDEXED BY audit_at";
  // SQLite needs to be told; PostgreSQL knows how the records are spread.
  const index = driving.length > 0 || engine === "postgres" ? "" : named;
  return `SELECT ${columns} FROM audit${index} WHERE ${RANGE}${where([...driving, ...terms])}`;
}

/** Reads the audit trail a page at a time, and stops nobody for long however much is in it. */
export class AuditPages {
  readonly #connection: Connection;
  /** of the query whose statement runs now */
  #matchers: Matchers = matchersOf({});

  constructor(connection: Connection) {
    this.#connection = connection;
    if (connection instanceof SqliteConnection) {
      connection.define("audit_path_fits", (path) => Number(this.#matchers.path(path)));
      connection.define("audit_in_network", (address) => Number(this.#matchers.address(address)));
    }
  }

  async page(query: AuditPageQuery): Promise<AuditPage> {
    const { budget = Number.POSITIVE_INFINITY } = query;
    const limit = Math.max(0, Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT));
    const isGrouped = isGroupable(query);
    const lines: AuditLine[] = [];
    let looked = 0;
    for (const stretch of stretchesOf(query, isGrouped)) {
      const read = this.#reader(query, stretch);
      for await (const window of this.#windows(query, stretch)) {
        if (looked >= budget) return { lines, next: window.to };
        looked += WINDOW;
        const room = limit - lines.length;
        const rows = read(window, room + 1);
        for (const row of rows.slice(0, room)) {
          lines.push(isGrouped ? await this.#line(row, query) : { record: toRecord(row) });
        }
        // One more than there is room for says that there is a page after this one.
        if (rows.length > room) return { lines, next: placeOf(lines, window.to) };
      }
    }
    return { lines };
  }

  /** How many records fit, each for itself. */
  async count(filter: AuditFilter): Promise<number> {
    let sum = 0;
    for (const stretch of stretchesOf(filter, false)) {
      const terms = otherTerms(filter, this.#connection.engine);
      const sql = stretchSql("count(*)", drivingTerms(filter), terms, this.#connection.engine);
      const count = this.#connection.prepare<[Named], number>(sql).pluck();
      const matchers = matchersOf(filter);
      for await (const window of this.#windows(filter, stretch)) {
        this.#matchers = matchers;
        sum += count.get(values([...drivingTerms(filter), ...terms], window)) ?? 0;
      }
    }
    return sum;
  }

  #reader(filter: AuditFilter, { terms }: Stretch): (window: Window, limit: number) => AuditRow[] {
    const driving = drivingTerms(filter);
    const others = [...otherTerms(filter, this.#connection.engine), ...terms];
    const { engine } = this.#connection;
    const sql = `${stretchSql("*", driving, others, engine)} ${ORDER} LIMIT $limit`;
    const select: Statement<[Named], AuditRow> = this.#connection.prepare(sql);
    const matchers = matchersOf(filter);
    return (window, limit) => {
      this.#matchers = matchers;
      return select.all({ ...values([...driving, ...others], window), limit });
    };
  }

  /** Newest first, pieces in which an index has so many records; in a turn of the loop each. */
  async *#windows(filter: AuditFilter, { from, to, terms }: Stretch): AsyncGenerator<Window> {
    const ends = this.#endsOf(filter, terms);
    let upper = to;
    for (;;) {
      const lower = ends(from, upper);
      yield { from: lower ?? from, to: upper };
      if (lower === undefined) return;
      upper = lower;
      await setImmediate();
    }
  }

  /** Of several kinds each has its own place in the index: the nearest end counts. */
  #endsOf(filter: AuditFilter, terms: readonly Term[]) {
    const driving = drivingTerms(filter);
    const byKind = driving.length === 1 && driving[0]?.sql.startsWith("kind IN");
    const branches = byKind
      ? (filter.kinds ?? []).map((kind) => drivingTerms({ kinds: [kind] }))
      : [driving];
    const skip = Math.ceil(WINDOW / Math.max(1, branches.length));
    const leads = terms.filter((term) => term === LEADS && driving.length === 0);
    const statements = branches.map((branch) => {
      const { engine } = this.#connection;
      const sql = `${stretchSql("at, id", branch, leads, engine)} ${ORDER} LIMIT 1 OFFSET $skip`;
      const select: Statement<[Named], AuditPlace> = this.#connection.prepare(sql);
      return (window: Window) => select.get({ ...values([...branch, ...leads], window), skip });
    });
    return (from: AuditPlace, to: AuditPlace): AuditPlace | undefined => {
      const found = statements.flatMap((end) => end({ from, to }) ?? []);
      return found.sort((a, b) => b.at - a.at || b.id - a.id)[0];
    };
  }

  async #line(row: AuditRow, { since, until }: AuditFilter): Promise<AuditLine> {
    const record = toRecord(row);
    if (row.batch === null) return { record };
    const all = this.#connection
      .prepare<unknown[], { records: number; bytes: number; since: number; until: number }>(
        `SELECT count(*) AS records, coalesce(sum(bytes), 0) AS bytes, min(at) AS since,
           max(at) AS until FROM audit WHERE batch = ? AND at >= ? AND at < ?`,
      )
      .get(row.batch, since ?? 0, until ?? Number.MAX_SAFE_INTEGER);
    if (all === undefined || all.records < 2) return { record };
    if (all.records > WINDOW / 2) await setImmediate();
    return { record, all };
  }
}

function placeOf(lines: readonly AuditLine[], none: AuditPlace): AuditPlace {
  const { at, id } = lines.at(-1)?.record ?? none;
  return { at, id };
}

/** Who looks for a path or a word means single records. */
function isGroupable({ grouped = false, path, text, batch }: AuditPageQuery): boolean {
  return grouped && path === undefined && text === undefined && batch === undefined;
}

/** Newest first. */
function stretchesOf(
  { since, until, before = NEWEST }: AuditPageQuery,
  isGrouped: boolean,
): Stretch[] {
  const from = { at: since ?? 0, id: 0 };
  const end = until === undefined ? NEWEST : { at: until, id: 0 };
  const to = end.at < before.at || (end.at === before.at && end.id < before.id) ? end : before;
  if (!isGrouped) return [{ from, to, terms: [] }];
  if (since === undefined) return [{ from, to, terms: [LEADS] }];
  const whole = { at: since + MAX_SPAN_MS, id: 0 };
  if (whole.at >= to.at) return [{ from, to, terms: [LEADS_AND_CUT] }];
  return [
    { from: whole, to, terms: [LEADS] },
    { from, to: whole, terms: [LEADS_AND_CUT] },
  ];
}
