import type { AuditKind, AuditRecord } from "../src/store/types.ts";
import { groupedText, secondText, sizeText, spanText } from "./format.ts";
import type { LogLine } from "./model.ts";
import type { Colour } from "./text.ts";

/** What a record of the audit trail says beside time, kind and user, in one line. */
export function recordText(record: AuditRecord): string {
  const { kind, path, bytes, durationMs, detail, actor, remote } = record;
  const from = remote === undefined ? undefined : `from ${remote}`;
  // The detail of a login is a fingerprint. It is long, and the address says more.
  const isLogin = kind.startsWith("login");
  const parts = [
    isLogin ? from : undefined,
    path,
    bytes === undefined ? undefined : sizeText(bytes),
    durationMs === undefined ? undefined : `in ${spanText(durationMs)}`,
    detail,
    actor === undefined ? undefined : `by ${actor}`,
    isLogin ? undefined : from,
  ];
  return parts.filter((part) => part !== undefined && part !== "").join("  ");
}

/** What many records come to in one line. */
export function batchText({ record, all }: LogLine): string {
  if (all === undefined) return recordText(record);
  const { kind, path = "" } = record;
  const size = kind === "remove" ? [] : [sizeText(all.bytes)];
  const where = `${kind === "upload" ? "into" : "from"} ${path.slice(0, path.lastIndexOf("/") + 1)}`;
  const span = `in ${spanText(all.until - all.since)}`;
  return [`${groupedText(all.records)} files`, ...size, span, where].join("  ");
}

export function recordDetails(record: AuditRecord): (readonly [string, string])[] {
  const { path, temporaryPath, bytes, durationMs, detail, actor, remote, session, user } = record;

  const lines: (readonly [string, string | undefined])[] = [
    ["Time", secondText(record.at)],
    ["Kind", record.kind],
    ["User", user],
    ["By", actor],
    ["From", remote],
    ["Session", session === undefined ? undefined : String(session)],
    ["Path", path],
    ["Uploaded as", temporaryPath],
    ["Size", bytes === undefined ? undefined : `${sizeText(bytes)} (${groupedText(bytes)} bytes)`],
    ["Took", durationMs === undefined ? undefined : spanText(durationMs)],
    ["Detail", detail],
    ["Number", String(record.id)],
  ];
  return lines.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

const REFUSALS: ReadonlySet<AuditKind> = new Set([
  "login-failed",
  "refused-session",
  "refused-quota",
  "penalty",
  "refused-address",
  "session-kick",
  "transfer-end",
]);

/** Refusals stand out; what admins and the server did, a little. */
export function kindColour(kind: AuditKind): Colour | undefined {
  if (REFUSALS.has(kind)) return "red";
  if (kind === "login" || kind === "logout") return "green";
  return /^(user|key|ca-|server|setting|rescan|restore|reload|penalty|ban|connect)/.test(kind)
    ? "cyan"
    : undefined;
}
