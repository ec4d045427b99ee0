import type { Connection } from "./database.ts";

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

const KEYS = { user: "user", day: "date(at / 1000, 'unixepoch', 'localtime')" } as const;
const ORDERS = { user: "uploadBytes + downloadBytes DESC, key", day: "key DESC" } as const;

function records(kind: "upload" | "download", user: boolean): string {
  const whose = user ? "AND user = @user" : "";
  return `SELECT * FROM (SELECT at, kind, user, coalesce(bytes, 0) AS bytes FROM audit
    WHERE kind = '${kind}' AND at >= @since ${whose} ORDER BY at DESC LIMIT ${RECORDS})`;
}

/** The totals that the audit trail has of transfers. */
export function trafficTotals(
  connection: Connection,
  { by, since, user }: TrafficQuery,
): readonly TrafficTotal[] {
  const of = user !== undefined;
  const sql = `SELECT ${KEYS[by]} AS key,
      sum(kind = 'upload') AS uploads, sum(iif(kind = 'upload', bytes, 0)) AS uploadBytes,
      sum(kind = 'download') AS downloads, sum(iif(kind = 'download', bytes, 0)) AS downloadBytes
    FROM (${records("upload", of)} UNION ALL ${records("download", of)})
    GROUP BY 1 ORDER BY ${ORDERS[by]} LIMIT ${ROWS}`;
  return connection.prepare<[object], TrafficTotal>(sql).all({ since, ...(of && { user }) });
}
