import type { Rule } from "../access/access.ts";
import { pathText } from "../access/paths.ts";
import type { AuditLine } from "../store/audit-pages.ts";
import type { Group } from "../store/groups.ts";
import { limitsOf } from "../store/login-limits.ts";
import type { Account, AuditRecord, LoginLimits, UserKey } from "../store/types.ts";
import type { TrashedFile } from "../vfs/types.ts";
import type { Explanation } from "./access.ts";
import type { FactorStatus } from "./factors.ts";
import type { FolderWithShares } from "./folders.ts";
import type { GroupDetails } from "./groups.ts";
import type { Ban, NodeInfo, Penalty, SessionInfo } from "./protocol.ts";
import type { UserWithKeys } from "./users.ts";

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
  /** bytes a second; null: no limit of the user's own */
  readonly uploadRate: number | null;
  readonly downloadRate: number | null;
  /** milliseconds that removed files stay, 0: not at all; null: what the settings say */
  readonly trashKeep: number | null;
  /** "totp": a code at each login; null: what the settings say */
  readonly require: readonly string[] | null;
  /** the next login by password has to set a new one */
  readonly passwordChange: boolean;
  /** false: quotaBytes is what the groups or the settings say */
  readonly quotaOwn: boolean;
  /** names */
  readonly groups: readonly string[];
  /** the limits in force, of the user or of groups; those beside it are the user's own */
  readonly effective: LimitsJson;
}

/** The limits of logins as `--json` prints them. */
export type LimitsJson = Pick<
  UserJson,
  | "from"
  | "auth"
  | "maxSessions"
  | "expiresAt"
  | "uploadRate"
  | "downloadRate"
  | "trashKeep"
  | "require"
>;

/** A group as `--json` prints it: others script against these names. */
export interface GroupJson extends LimitsJson {
  readonly name: string;
  /** false: the group says nothing of what its members may store */
  readonly hasQuota: boolean;
  /** null: no limit */
  readonly quotaBytes: number | null;
  /** how many */
  readonly members: number;
  /** ISO 8601 */
  readonly createdAt: string;
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
    ...limitsJson(account.own),
    passwordChange: account.passwordChange,
    quotaOwn: account.quotaOwn,
    groups: account.groups,
    effective: limitsJson(account),
  };
}

/** All there is to say of a user. */
export interface UserPage {
  readonly user: UserWithKeys;
  /** undefined: the user has no second factor */
  readonly factor: FactorStatus | undefined;
  /** of folders, of the user's own, and of groups */
  readonly rules: readonly Rule[];
}

/** A user as `user show --json` prints it: as in lists, and more. */
export function userPageJson({ user, factor, rules }: UserPage) {
  const { account, keys } = user;
  return {
    ...userJson(account, keys),
    secondFactor: factor !== undefined,
    access: rules.map(ruleJson),
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

function limitsJson(some: LoginLimits): LimitsJson {
  const { expiresAt, ...limits } = limitsOf(some);
  return { expiresAt: expiresAt === null ? null : isoTime(expiresAt), ...limits };
}

export function groupJson(group: Group): GroupJson {
  const { name, hasQuota, quotaBytes, members, createdAt } = group;
  return {
    ...{ name, hasQuota, quotaBytes, members, createdAt: isoTime(createdAt) },
    ...limitsJson(group),
  };
}

/** A group as `group show --json` prints it; there `members` are names. */
export function groupDetailsJson({ group, ...more }: GroupDetails) {
  return { ...groupJson(group), ...more };
}

export function usageJson(account: Counted): UsageJson {
  return {
    name: account.name,
    usedBytes: account.usedBytes,
    quotaBytes: account.quotaBytes,
    percent: percentUsed(account),
    files: account.usedFiles,
  };
}

/** A user's home or a folder, as far as its books go. */
export type Counted = Pick<Account, "name" | "usedBytes" | "usedFiles" | "quotaBytes">;

/** A quota of 0 bytes is full. */
function percentUsed({ usedBytes, quotaBytes }: Counted): number | null {
  if (quotaBytes === null) return null;
  if (quotaBytes === 0) return 100;
  return Math.round((usedBytes / quotaBytes) * 1000) / 10;
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

/** A process as `nodes --json` prints it: others script against these names. */
export function nodeJson({ isHere, since, renewedAt, ...node }: NodeInfo) {
  const { id, machine, pid, role, version, listen, sessions, state, supervisor } = node;
  return {
    ...{ id, machine, here: isHere, pid, role, version, listen, sessions },
    since: isoTime(since),
    renewedAt: renewedAt === null ? null : isoTime(renewedAt),
    state,
    supervisor: supervisor || null,
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

/** As `logs --json --grouped` prints a line: `all` is of the records that it stands for. */
export function lineJson({ record, all }: AuditLine) {
  if (all === undefined) return recordJson(record);
  const { records, bytes, since, until } = all;
  return {
    ...recordJson(record),
    all: { records, bytes, since: isoTime(since), until: isoTime(until) },
  };
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** A folder as `folder list --json` prints it: others script against these names. */
export function folderJson({ folder, shares }: FolderWithShares) {
  const { name, quotaBytes, quotaFiles, usedBytes, usedFiles, createdAt } = folder;
  return {
    name: name.slice(1),
    quotaBytes,
    usedBytes,
    files: usedFiles,
    quotaFiles,
    trashKeep: folder.trashKeep,
    createdAt: isoTime(createdAt),
    shares: shares.map(({ to, at, access }) => ({ to, at: pathText(at), access })),
  };
}

/** A file in the trash as `trash NAME list --json` prints it. */
export function trashedJson({ id, path, removedAt, size }: TrashedFile) {
  return { id, path: pathText(path), removedAt: isoTime(removedAt), size };
}

/** A rule as `user access --json` prints it. */
export function ruleJson({ path, access, source, of, folder }: Rule) {
  return { path: pathText(path), access, source, of, folder: folder?.slice(1) ?? null };
}

/** As `user access --explain --json` prints it. */
export function explanationJson({ path, access, rulePath, deciding, others }: Explanation) {
  return {
    path: pathText(path),
    access,
    rulePath: rulePath === undefined ? null : pathText(rulePath),
    rules: deciding.map(ruleJson),
    others: others.map(ruleJson),
  };
}
