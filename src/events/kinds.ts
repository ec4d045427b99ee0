import { AUDIT_GROUPS, kindsOf as auditKindsOf } from "../store/audit-groups.ts";
import { AUDIT_KINDS, type AuditKind } from "../store/types.ts";

/** What an event can be of: the kinds of the audit trail, and what the trail has in its details. */
export type EventKind = AuditKind | "upload-unfinished" | "download-unfinished" | "test";

/** In the order in which people are told of them. A test goes to its receiver whatever that wants. */
export const EVENT_KINDS: readonly EventKind[] = AUDIT_KINDS.flatMap((kind) =>
  kind === "upload" || kind === "download" ? [kind, `${kind}-unfinished` as const] : [kind],
);

/** Groups that only events have. */
const OWN_GROUPS: Readonly<Record<string, RegExp>> = {
  all: /^/,
  quota: /^(refused-quota|quota-warning)$/,
  users: /^(user|group|key|ca|totp)-/,
  folders: /^(folder|access)-/,
  server: /^(server-start|server-stop|setting-set|reload)$/,
};

const auditGroups = new Map<string, ReadonlySet<string>>(
  AUDIT_GROUPS.map((group) => [group, new Set(auditKindsOf(group))]),
);

/** Several kinds by one name: those of the audit trail, and some more. */
export const EVENT_GROUPS: readonly string[] = [...auditGroups.keys(), ...Object.keys(OWN_GROUPS)];

function isIn(kind: EventKind, group: string): boolean {
  const recorded = kind.replace(/-unfinished$/, "");
  return auditGroups.get(group)?.has(recorded) ?? OWN_GROUPS[group]?.test(kind) ?? false;
}

/** Everything that `kinds` of a receiver may name. */
export const KIND_NAMES: readonly string[] = [...EVENT_GROUPS, ...EVENT_KINDS];

/** @param names kinds and groups of them */
export function kindsOf(names: readonly string[]): ReadonlySet<EventKind> {
  const wanted = (kind: EventKind): boolean =>
    names.some((name) => name === kind || isIn(kind, name));
  return new Set(EVENT_KINDS.filter(wanted));
}
