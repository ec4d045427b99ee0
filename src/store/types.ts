export type Role = "user" | "admin";

/** `password` is both ways to send one: password and keyboard-interactive. */
export const LOGIN_METHODS = ["key", "password"] as const;

export type LoginMethod = (typeof LOGIN_METHODS)[number];

/** What a login may need besides a password or key: a code of RFC 6238. */
export const LOGIN_FACTORS = ["totp"] as const;

export type LoginFactor = (typeof LOGIN_FACTORS)[number];

/** What a user's logins are limited to; null: not limited. */
export interface LoginLimits {
  /** from then on nobody logs in; milliseconds since the epoch */
  readonly expiresAt: number | null;
  /** addresses and networks that logins may come from */
  readonly from: readonly string[] | null;
  readonly auth: readonly LoginMethod[] | null;
  /** at least 1; null: what the settings say */
  readonly maxSessions: number | null;
  /** what a login needs besides; null: what the settings say */
  readonly require: readonly LoginFactor[] | null;
}

/** An account as stored. Times in milliseconds since the epoch. */
export interface Account extends LoginLimits {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  readonly enabled: boolean;
  /** argon2 PHC string; null: no password login */
  readonly passwordHash: string | null;
  /** the next login by password has to set a new one */
  readonly passwordChange: boolean;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  readonly usedBytes: number;
  readonly usedFiles: number;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
}

export interface UserKey {
  /** "SHA256:…" as ssh-keygen -l prints it */
  readonly fingerprint: string;
  readonly algorithm: string;
  /** the public key in the encoding of RFC 4253 section 6.6 */
  readonly blob: Buffer;
  readonly comment: string;
  readonly createdAt: number;
}

/** In the order in which people are offered them. */
export const AUDIT_KINDS = [
  "login",
  "login-failed",
  "penalty",
  "penalty-lifted",
  "refused-address",
  "ban",
  "ban-lifted",
  "logout",
  "refused-session",
  "session-kick",
  "upload",
  "download",
  "transfer-end",
  "remove",
  "rename",
  "mkdir",
  "rmdir",
  "link",
  "refused-quota",
  "connect",
  "user-add",
  "user-set",
  "user-passwd",
  "user-enable",
  "user-disable",
  "user-remove",
  "key-add",
  "key-remove",
  "totp-enroll",
  "totp-remove",
  "rescan",
  "reload",
  "server-start",
  "server-stop",
] as const;

export type AuditKind = (typeof AUDIT_KINDS)[number];

/** One line of the audit trail. `path` is for people: virtual, UTF-8, control characters escaped. */
export interface AuditEvent {
  readonly kind: AuditKind;
  /** whom it concerns */
  readonly user?: string;
  /** who did it, when another: "cli:root", an admin's name */
  readonly actor?: string;
  readonly remote?: string;
  readonly session?: number;
  readonly path?: string;
  readonly bytes?: number;
  readonly durationMs?: number;
  readonly detail?: string;
}

export interface AuditRecord extends AuditEvent {
  readonly id: number;
  readonly at: number;
}

/**
 * What other processes of the instance must notice at once. Where it says how, `detail` is of
 * "key-removed" the fingerprint, of "kick" the session and what its user is told, of
 * "transfer-end" session and transfer, of "ban" the network, of "stop" the milliseconds that transfers may still take.
 */
export type ChangeKind =
  | "user-disabled"
  | "user-removed"
  | "user-set"
  | "key-removed"
  | "password-set"
  | "squeeze"
  | "share"
  | "fold"
  | "kick"
  | "transfer-end"
  | "ban"
  | "reload"
  | "stop";

export interface Change {
  readonly id: number;
  readonly kind: ChangeKind;
  readonly userId: number;
  readonly detail: string;
}
