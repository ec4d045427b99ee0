import { AUDIT_KINDS, type AuditKind } from "../store/types.ts";

/** What an event can be of: the kinds of the audit trail, and what the trail has in its details. */
export type EventKind = AuditKind | "upload-unfinished" | "download-unfinished" | "test";

/** In the order in which people are told of them. A test goes to its receiver whatever that wants. */
export const EVENT_KINDS: readonly EventKind[] = AUDIT_KINDS.flatMap((kind) =>
  kind === "upload" || kind === "download" ? [kind, `${kind}-unfinished` as const] : [kind],
);

/** Several kinds by one name. */
export const EVENT_GROUPS: Readonly<Record<string, RegExp>> = {
  all: /^/,
  transfers: /^(upload|download)(-unfinished)?$/,
  files: /^(upload|remove|rename|mkdir|rmdir|link)$/,
  logins: /^(login|login-failed|logout|refused-session|session-kick)$/,
  security:
    /^(login-failed|refused-session|refused-address|penalty|penalty-lifted|ban|ban-lifted)$/,
  quota: /^(refused-quota|quota-warning)$/,
  users: /^(user|group|key|totp)-/,
  folders: /^(folder|access)-/,
  admin:
    /^((user|group|key|totp|folder|access|events)-.*|ban|ban-lifted|penalty-lifted|session-kick|transfer-end|rescan|reload)$/,
  server: /^(server-start|server-stop|reload)$/,
};

/** Everything that `kinds` of a receiver may name. */
export const KIND_NAMES: readonly string[] = [...Object.keys(EVENT_GROUPS), ...EVENT_KINDS];

/** @param names kinds and groups of them */
export function kindsOf(names: readonly string[]): ReadonlySet<EventKind> {
  const wanted = (kind: EventKind): boolean =>
    names.some((name) => name === kind || (EVENT_GROUPS[name]?.test(kind) ?? false));
  return new Set(EVENT_KINDS.filter(wanted));
}
