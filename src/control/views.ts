import type { Account, AuditRecord, UserKey } from "../store/types.ts";
import type { FactorStatus } from "./factors.ts";
import type { Ban, Penalty, SessionInfo } from "./protocol.ts";

/** A user as `--json` prints it: others script against these names. */
export interface UserJson {
  readonly name: string;
  readonly role: string;
  readonly enabled: boolean;
  readonly quotaBytes: number | null;
  readonly usedBytes: number;
  readonly files: number;
  /** fingerprints */
  readonly keys: readonly string[];
  /** ISO 8601 */
  readonly createdAt: string;
  readonly lastLoginAt: string | null;
  /** ISO 8601; logins end then */
  readonly expiresAt: string | null;
  /** addresses and networks that logins may come from; null: any */
  readonly from: readonly string[] | null;
  /** "key", "password"; null: any */
  readonly auth: readonly string[] | null;
  /** at once; null: limits.max_sessions_per_user */
  readonly maxSessions: number | null;
  /** "totp": a code at each login; null: what the settings say */
  readonly require: readonly string[] | null;
  /** the next login by password has to set a new one */
  readonly passwordChange: boolean;
}

export interface UsageJson {
  readonly name: string;
  readonly usedBytes: number;
  readonly quotaBytes: number | null;
  /** of the quota, one decimal; null without a quota */
  readonly percent: number | null;
  readonly files: number;
}

export function userJson(account: Account, keys: readonly UserKey[]): UserJson {
  return {
    name: account.name,
    role: account.role,
    enabled: account.enabled,
    quotaBytes: account.quotaBytes,
    usedBytes: account.usedBytes,
    files: account.usedFiles,
    keys: keys.map(({ fingerprint }) => fingerprint),
    createdAt: isoTime(account.createdAt),
    lastLoginAt: account.lastLoginAt === null ? null : isoTime(account.lastLoginAt),
    expiresAt: account.expiresAt === null ? null : isoTime(account.expiresAt),
    from: account.from,
    auth: account.auth,
    maxSessions: account.maxSessions,
    require: account.require,
    passwordChange: account.passwordChange,
  };
}

/** @param status undefined: the user has no second factor */
export function factorJson(name: string, status: FactorStatus | undefined) {
  const at = (time: number | null) => (time === null ? null : isoTime(time));
  return {
    name,
    enrolledAt: at(status?.enrolledAt ?? null),
    recoveryCodes: status?.recoveryCodes ?? 0,
    refusedUntil: at(status?.refusedUntil ?? null),
  };
}

export function usageJson(account: Account): UsageJson {
  return {
    name: account.name,
    usedBytes: account.usedBytes,
    quotaBytes: account.quotaBytes,
    percent: percentUsed(account),
    files: account.usedFiles,
  };
}

/** A quota of 0 bytes is full. */
function percentUsed({ usedBytes, quotaBytes }: Account): number | null {
  if (quotaBytes === null) return null;
  if (quotaBytes === 0) return 100;
  return Math.round((usedBytes / quotaBytes) * 1000) / 10;
}

/** A public key as `user key list --json` prints it. */
export function keyJson({ fingerprint, algorithm, comment, createdAt }: UserKey) {
  return { fingerprint, algorithm, comment, createdAt: isoTime(createdAt) };
}

/** A session as `sessions --json` prints it: others script against these names. */
export function sessionJson({ idle, since, transfers, ...session }: SessionInfo) {
  return {
    ...session,
    since: isoTime(since),
    idleSeconds: idle === null ? null : Math.floor(idle / 1000),
    transfers,
  };
}

/** A ban as `penalties --json` prints it: others script against these names. */
export function banJson({ network, reason, since, until, actor }: Ban) {
  const end = until === null ? null : isoTime(until);
  return { address: network, kind: "ban", reason, since: isoTime(since), until: end, by: actor };
}

/** The same of a penalty for failed logins, which the server itself imposes. */
export function penaltyJson({ address, reason, since, until }: Penalty) {
  const times = { since: isoTime(since), until: isoTime(until) };
  return { address, kind: "penalty", reason, ...times, by: "server" };
}

/** A record of the audit trail as `logs --json` prints it. */
export function recordJson({ at, ...record }: AuditRecord) {
  return { at: isoTime(at), ...record };
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
