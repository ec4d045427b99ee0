import type { AuditLine } from "../../store/audit-pages.ts";
import type { AuditKind, AuditRecord } from "../../store/types.ts";
import { clockText, dateText } from "../../text/figures.ts";
import { visible } from "../../text/safe.ts";
import { roundSize } from "../../text/units.ts";
import { paint } from "../format.ts";
import type { Io } from "../io.ts";

const RED: ReadonlySet<AuditKind> = new Set([
  "login-failed",
  "penalty",
  "refused-address",
  "refused-session",
  "refused-quota",
]);

/** One line a record, or for records that belong together: when, what, whom it concerns, and the rest. */
export function logLine(io: Pick<Io, "colour">, { record, all }: AuditLine): string {
  const { at, kind, user, remote, session, actor } = record;
  const what = kind.padEnd(15);
  const parts = [
    user,
    remote === undefined ? undefined : `from ${remote}`,
    session === undefined ? undefined : `session ${session}`,
    ...(all === undefined ? single(record) : several(record, all)),
    actor === undefined ? undefined : `by ${actor}`,
  ];
  const rest = parts.filter((part) => part !== undefined && part !== "").join("  ");
  const seconds = clockText(at).slice(-2);
  const isRed = RED.has(kind) || record.unfinished === true;
  const shown = isRed ? paint(io, "red", what) : what;
  return `${dateText(at)}:${seconds}  ${shown}  ${visible(rest)}`.trimEnd();
}

function single({ path, temporaryPath, bytes, detail }: AuditRecord): (string | undefined)[] {
  return [
    path,
    temporaryPath === undefined ? undefined : `uploaded as ${nameIn(temporaryPath)}`,
    bytes === undefined ? undefined : `${bytes} bytes`,
    detail,
  ];
}

function several(
  { kind, path = "", batch }: AuditRecord,
  { records, bytes, since, until }: NonNullable<AuditLine["all"]>,
): (string | undefined)[] {
  const where = path.slice(0, path.lastIndexOf("/") + 1);
  const way = kind === "upload" ? "into" : "from";
  return [
    `${grouped(records)} files${kind === "remove" ? "" : `, ${roundSize(bytes)}`}, ${way} ${where}`,
    `${clockText(since)}-${clockText(until)}`,
    `(--batch ${batch})`,
  ];
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** "14,312" */
export function grouped(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

const CSV_COLUMNS = [
  "id",
  "at",
  "kind",
  "user",
  "actor",
  "remote",
  "session",
  "path",
  "bytes",
  "durationMs",
  "size",
  "expected",
  "unfinished",
  "temporaryPath",
  "batch",
  "detail",
] as const satisfies readonly (keyof AuditRecord)[];

/** RFC 4180, section 2: the header, and lines that end in CR and LF. */
export const CSV_HEADER = `${CSV_COLUMNS.join(",")}\r\n`;

export function csvLine(record: AuditRecord): string {
  const cells = CSV_COLUMNS.map((column) =>
    column === "at" ? new Date(record.at).toISOString() : cell(record[column]),
  );
  return `${cells.join(",")}\r\n`;
}

/** A text that a spreadsheet would take for a formula begins with an apostrophe. */
function cell(value: string | number | boolean | undefined): string {
  if (typeof value !== "string") return value === undefined ? "" : String(value);
  const safe = visible(value);
  const text = /^\s*[=+\-@\t\r]/.test(safe) ? `'${safe}` : safe;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
