import type { AuditRecord } from "../store/types.ts";
import type { EventKind } from "./kinds.ts";
import { EVENT_VERSION, type MoorageEvent } from "./types.ts";

interface Place {
  readonly path: string;
  readonly folder?: string;
}

/** The event that a record of the audit trail stands for. @param id names it, for all receivers */
export function eventOf(record: AuditRecord, id: string): MoorageEvent {
  const { at, actor, remote, session, bytes, durationMs, detail } = record;
  return {
    version: EVENT_VERSION,
    id,
    time: new Date(at).toISOString(),
    kind: kindOf(record),
    ...whom(record),
    ...(actor !== undefined && { actor }),
    ...(remote !== undefined && { address: remote }),
    ...(session !== undefined && { session }),
    ...(record.path !== undefined && placeOf(record.path)),
    ...target(record),
    ...(bytes !== undefined && { bytes }),
    ...(durationMs !== undefined && { durationMs }),
    ...mark(record),
    ...(detail !== undefined && { detail }),
  };
}

/** An event that says nothing but that events arrive. */
export function testEvent(id: string, actor: string): MoorageEvent {
  const time = new Date().toISOString();
  return { version: EVENT_VERSION, id, time, kind: "test", actor };
}

function kindOf({ kind, unfinished }: AuditRecord): EventKind {
  if (kind !== "upload" && kind !== "download") return kind;
  return unfinished ? `${kind}-unfinished` : kind;
}

/** Here strangers choose the name. */
const BY_STRANGERS: ReadonlySet<string> = new Set(["login-failed", "penalty", "penalty-lifted"]);

/** The trail has folders and groups in the place of a user, with an "@". */
function whom({ kind, user }: AuditRecord): Pick<MoorageEvent, "user" | "folder" | "group"> {
  if (user === undefined) return {};
  if (!user.startsWith("@") || BY_STRANGERS.has(kind)) return { user };
  return kind.startsWith("access-") || kind.startsWith("group-")
    ? { group: user.slice(1) }
    : { folder: user.slice(1) };
}

/** A path in a folder begins with the folder's name, any other one with "/". */
function placeOf(recorded: string): Place {
  if (!recorded.startsWith("@")) return { path: recorded };
  const end = recorded.indexOf("/");
  if (end < 0) return { folder: recorded.slice(1), path: "/" };
  return { folder: recorded.slice(1, end), path: recorded.slice(end) };
}

function target({ kind, detail = "" }: AuditRecord): Pick<MoorageEvent, "to" | "toFolder"> {
  if (kind !== "rename" || !detail.startsWith("to ")) return {};
  const { path, folder } = placeOf(detail.slice("to ".length));
  return { to: path, ...(folder !== undefined && { toFolder: folder }) };
}

function mark({ kind, detail = "" }: AuditRecord): Pick<MoorageEvent, "percent"> {
  const percent = kind === "quota-warning" ? /^over (\d+) %/.exec(detail)?.[1] : undefined;
  return percent === undefined ? {} : { percent: Number(percent) };
}
