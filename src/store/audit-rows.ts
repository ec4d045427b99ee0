import { addressIn } from "../text/remote.ts";
import type { AuditEvent, AuditKind, AuditRecord } from "./types.ts";

/** Paths may have 4096 bytes, and each may be shown as four characters. */
const MAX_TEXT = 1_024;

export interface AuditRow {
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
  readonly size: number | null;
  readonly expected: number | null;
  readonly unfinished: number;
  readonly temporary_path: string;
  readonly batch: number | null;
}

/** The id, what {@link toValues} gives, the batch and whether it leads it. */
export const INSERT_AUDIT = `INSERT INTO audit (id, at, kind, "user", actor, remote, session, path, bytes,
  duration_ms, detail, address, size, expected, unfinished, temporary_path, batch, lead)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export function toValues(at: number, event: AuditEvent): (string | number | null)[] {
  const { remote = "", durationMs } = event;
  return [
    at,
    event.kind,
    event.user ?? "",
    event.actor ?? "",
    remote,
    event.session ?? null,
    event.path ?? "",
    event.bytes ?? null,
    durationMs === undefined ? null : Math.round(durationMs),
    event.detail ?? "",
    addressIn(remote),
    event.size ?? null,
    event.expected ?? null,
    event.unfinished === true ? 1 : 0,
    event.temporaryPath ?? "",
  ];
}

export function toRecord(row: AuditRow): AuditRecord {
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
    ...(row.size !== null && { size: row.size }),
    ...(row.expected !== null && { expected: row.expected }),
    ...(row.unfinished !== 0 && { unfinished: true }),
    ...(row.temporary_path !== "" && { temporaryPath: row.temporary_path }),
    ...(row.batch !== null && { batch: row.batch }),
  };
}

/** With texts that are not too long for a record. */
export function bounded(event: AuditEvent): AuditEvent {
  const { path, detail, temporaryPath } = event;
  if (![path, detail, temporaryPath].some((text) => (text?.length ?? 0) > MAX_TEXT)) return event;
  return {
    ...event,
    ...(path !== undefined && { path: shortened(path) }),
    ...(detail !== undefined && { detail: shortened(detail) }),
    ...(temporaryPath !== undefined && { temporaryPath: shortened(temporaryPath) }),
  };
}

/** The beginning and the end, where a path has its name. */
function shortened(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  const half = MAX_TEXT / 2;
  return `${text.slice(0, half - 1)}…${text.slice(-half)}`;
}
