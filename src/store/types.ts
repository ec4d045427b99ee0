import type { AccessMode } from "../access/modes.ts";

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
  /** what all sessions together may send, or receive, of files, in bytes a second */
  readonly uploadRate: number | null;
  readonly downloadRate: number | null;
  /** how long removed files stay restorable, in milliseconds; 0: not at all, null: as the settings say */
  readonly trashKeep: number | null;
  /** what a login needs besides; null: what the settings say */
  readonly require: readonly LoginFactor[] | null;
}

/**
 * An account. The limits are those in force: the user's own and the groups'. Times in milliseconds
 * since the epoch.
 */
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
  /** the limits that are the user's own */
  readonly own: LoginLimits;
  /** names, sorted */
  readonly groups: readonly string[];
  /** of each limit that is of groups, their names */
  readonly origins: { readonly [F in keyof LoginLimits]?: readonly string[] };
  /** false: quotaBytes is what the groups or the settings say */
  readonly quotaOwn: boolean;
  /** the groups that it is of */
  readonly quotaGroups: readonly string[];
}

/** A shared folder as stored: a home that nobody owns. */
export interface Folder {
  readonly id: number;
  /** with the "@", as its directory in homes/ */
  readonly name: string;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  readonly usedBytes: number;
  readonly usedFiles: number;
  /** how long removed files stay, in milliseconds; 0: not at all, null: as the settings say */
  readonly trashKeep: number | null;
  /** milliseconds since the epoch */
  readonly createdAt: number;
}

/** Whom a share or rule is for: one of the two. */
export interface Subject {
  readonly userId: number | null;
  readonly groupId: number | null;
}

/** Where a folder is in somebody's tree. Paths: one char per byte. */
export interface Share {
  /** a user, or a group with an "@" */
  readonly to: string;
  readonly at: string;
  readonly access: AccessMode;
}

export interface FolderShare extends Share {
  /** with the "@" */
  readonly folder: string;
}

/** What may be done at a path and below. */
export interface AccessRule {
  /** normalised, one char per byte */
  readonly path: string;
  readonly access: AccessMode;
}

export interface OwnedRule extends AccessRule {
  /** a user, or a group with an "@" */
  readonly of: string;
}

/** What stands in front of a user's key, and what it says (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export interface KeyOptions {
  /** as it was given, for people */
  readonly text: string;
  /** addresses and networks that logins may come from; null: any */
  readonly from: readonly string[] | null;
  /** from then on it lets nobody in, and its sessions end; milliseconds since the epoch */
  readonly expiresAt: number | null;
  /** whether its sessions may have a terminal */
  readonly pty: boolean;
  /** a security key has to be touched */
  readonly touch: boolean;
  /** a security key has to know who touches it */
  readonly verify: boolean;
}

export interface UserKey {
  /** "SHA256:…" as ssh-keygen -l prints it */
  readonly fingerprint: string;
  readonly algorithm: string;
  /** the public key in the encoding of RFC 4253 section 6.6 */
  readonly blob: Buffer;
  readonly comment: string;
  readonly createdAt: number;
  /** absent: it has none */
  readonly options?: KeyOptions;
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
  "restore",
  "rename",
  "mkdir",
  "rmdir",
  "link",
  "refused-quota",
  "quota-warning",
  "connect",
  "user-add",
  "user-set",
  "user-passwd",
  "user-enable",
  "user-disable",
  "user-remove",
  "group-add",
  "group-set",
  "group-remove",
  "group-join",
  "group-leave",
  "key-add",
  "key-remove",
  "ca-add",
  "ca-remove",
  "ca-revoke",
  "ca-unrevoke",
  "folder-add",
  "folder-set",
  "folder-remove",
  "folder-share",
  "folder-unshare",
  "access-set",
  "access-remove",
  "totp-enroll",
  "totp-remove",
  "events-drop",
  "events-retry",
  "rescan",
  "setting-set",
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
  /** of an upload: bytes of the file at its end, with what was there before */
  readonly size?: number;
  /** bytes that the client said the file would have */
  readonly expected?: number;
  /** a transfer that broke off */
  readonly unfinished?: boolean;
  /** what an upload was called before the client gave it the name that is its `path` */
  readonly temporaryPath?: string;
}

export interface AuditRecord extends AuditEvent {
  readonly id: number;
  readonly at: number;
  /** the same of records that are shown as one line: the id of the first */
  readonly batch?: number;
}

/**
 * What other processes of the instance must notice at once. Where it says how, `detail` is of
 * "key-removed" the fingerprint, of "kick" the session and what its user is told, of
 * "transfer-end" session and transfer, of "ban" the network, of "stop" the milliseconds that transfers may still take.
 * "group-set" concerns every user: limits or quotas of a group's members are others. So does "keys":
 * options of keys, authorities or revocations are others.
 */
export type ChangeKind =
  | "user-disabled"
  | "user-removed"
  | "user-set"
  | "group-set"
  | "key-removed"
  | "keys"
  | "access"
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
