import { AUDIT_KINDS, type AuditKind } from "./types.ts";

/** What people ask for together. `security` has some of the kinds of others. */
export const AUDIT_GROUPS = ["transfers", "files", "logins", "security", "admin"] as const;
export type AuditGroup = (typeof AUDIT_GROUPS)[number];

const TRANSFERS: readonly AuditKind[] = ["upload", "download", "transfer-end", "refused-quota"];
const FILES: readonly AuditKind[] = ["remove", "restore", "rename", "mkdir", "rmdir", "link"];
const LOGINS: readonly AuditKind[] = [
  "login",
  "login-failed",
  "logout",
  "refused-session",
  "session-kick",
];
const SECURITY: readonly AuditKind[] = [
  "login-failed",
  "penalty",
  "penalty-lifted",
  "refused-address",
  "ban",
  "ban-lifted",
  "refused-session",
  "session-kick",
];
const OF_USERS: ReadonlySet<AuditKind> = new Set([
  ...TRANSFERS,
  ...FILES,
  "login",
  "logout",
  "quota-warning",
]);

/** Whatever a person or program administers, and the server's own doings: all that no user does. */
const ADMIN = AUDIT_KINDS.filter((kind) => {
  const isElsewhere = OF_USERS.has(kind) || SECURITY.includes(kind);
  return !isElsewhere || ["ban", "ban-lifted", "penalty-lifted", "session-kick"].includes(kind);
});

const KINDS: Readonly<Record<AuditGroup, readonly AuditKind[]>> = {
  transfers: TRANSFERS,
  files: FILES,
  logins: LOGINS,
  security: SECURITY,
  admin: ADMIN,
};

export function kindsOf(group: AuditGroup): readonly AuditKind[] {
  return KINDS[group];
}

/** The file that a record belongs to: each is in one. */
export function logOf(kind: AuditKind): "users" | "security" | "admin" {
  if (ADMIN.includes(kind)) return "admin";
  return SECURITY.includes(kind) ? "security" : "users";
}
