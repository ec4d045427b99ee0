import { dateText } from "../text/figures.ts";
import type { Connection } from "./connection.ts";

/** What was moved, of a user or on a day. */
export interface TrafficTotal {
  /** the user's name, or the day in local time: "2026-01-31" */
  readonly key: string;
  readonly uploads: number;
  readonly uploadBytes: number;
  readonly downloads: number;
  readonly downloadBytes: number;
}

export interface TrafficQuery {
  /** users with most first, days with the latest first */
  readonly by: "user" | "day";
  /** milliseconds since the epoch */
  readonly since: number;
  /** of one user only */
  readonly user?: string;
}

/** Of uploads and of downloads so many are added up, the latest: the time that it takes has a bound. */
const RECORDS = 50_000;
const ROWS = 100;

/** Days of local time begin on whole quarters of an hour, wherever it is. */
const QUARTER_MS = 900_000;

interface Group extends Omit<TrafficTotal, "key"> {
  /** a name, or the number of a quarter of an hour */
  readonly key: string | number;
}

function records(kind: "upload" | "download", user: boolean): string {
  const whose = user ? 'AND "user" = @user' : "";
  return `SELECT * FROM (SELECT at, kind, "user", coalesce(bytes, 0) AS bytes FROM audit
    WHERE kind = '${kind}' AND at >= @since ${whose} ORDER BY at DESC LIMIT ${RECORDS}) AS ${kind}s`;
}

function sums(kind: "upload" | "download"): string {
  return `count(CASE WHEN kind = '${kind}' THEN 1 END) AS ${kind}s,
      sum(CASE WHEN kind = '${kind}' THEN bytes ELSE 0 END) AS "${kind}Bytes"`;
}

/** The totals that the audit trail has of transfers. */
export function trafficTotals(
  connection: Connection,
  { by, since, user }: TrafficQuery,
): readonly TrafficTotal[] {
  const of = user !== undefined;
  // SQLite would take a microsecond for the date of each record.
  const key = by === "user" ? '"user"' : `at / ${QUARTER_MS}`;
  const sql = `SELECT ${key} AS key,
      ${sums("upload")}, ${sums("download")}
    FROM (${records("upload", of)} UNION ALL ${records("download", of)}) AS moved
    GROUP BY 1 ORDER BY ${by === "user" ? "sum(bytes) DESC, 1" : "1 DESC"}`;
  const groups = connection.prepare<[object], Group>(sql).all({ since, ...(of && { user }) });
  return (by === "user" ? groups.map(named) : byDay(groups)).slice(0, ROWS);
}

function named(group: Group): TrafficTotal {
  return { ...group, key: String(group.key) };
}

function byDay(quarters: readonly Group[]): readonly TrafficTotal[] {
  const days = new Map<string, TrafficTotal>();
  for (const quarter of quarters) {
    const key = dateText(Number(quarter.key) * QUARTER_MS).slice(0, 10);
    const day = days.get(key);
    days.set(key, day === undefined ? { ...quarter, key } : sum(day, quarter));
  }
  return [...days.values()];
}

function sum(day: TrafficTotal, more: Group): TrafficTotal {
  return {
    key: day.key,
    uploads: day.uploads + more.uploads,
    uploadBytes: day.uploadBytes + more.uploadBytes,
    downloads: day.downloads + more.downloads,
    downloadBytes: day.downloadBytes + more.downloadBytes,
  };
}
