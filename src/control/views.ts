import type { Account, UserKey } from "../store/types.ts";

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
    createdAt: new Date(account.createdAt).toISOString(),
    lastLoginAt: account.lastLoginAt === null ? null : new Date(account.lastLoginAt).toISOString(),
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
