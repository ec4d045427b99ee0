import type { Connection } from "./connection.ts";
import {
  effectiveLimits,
  type GroupLimits,
  LIMIT_COLUMNS,
  type LimitColumns,
  type LimitOrigins,
  toLimits,
} from "./login-limits.ts";
import type { LoginLimits } from "./types.ts";

/** What a group's members may store where they have no quota of their own. */
export interface GroupQuota {
  /** false: the group says nothing of it */
  readonly hasQuota: boolean;
  /** bytes; null: no limit */
  readonly quotaBytes: number | null;
}

/** A group as it counts for a member. */
export interface Membership extends GroupLimits, GroupQuota {}

/** A group's columns that concern its members. */
export interface MembershipColumns extends LimitColumns {
  readonly name: string;
  readonly has_quota: number;
  readonly quota_bytes: number | null;
}

/** What a user has of their own, and of groups. */
export interface Standing extends LoginLimits {
  /** the limits without those of groups; the fields beside it are the ones in force */
  readonly own: LoginLimits;
  /** names, sorted */
  readonly groups: readonly string[];
  readonly origins: LimitOrigins;
  /** the names of the groups that a quota is of that is not the user's own */
  readonly quotaGroups: readonly string[];
}

const MEMBER_COLUMNS = ["name", "has_quota", "quota_bytes", ...LIMIT_COLUMNS];

/** @returns SQL for the groups of a user, as {@link toMemberships} reads them */
export function membershipsSql({ engine }: Connection, userId: string): string {
  const pairs = MEMBER_COLUMNS.map((column) => `'${column}', ${column}`).join(", ");
  const columns = MEMBER_COLUMNS.map((column) => `g.${column}`).join(", ");
  // There is no name for it that both engines have.
  const array =
    engine === "sqlite"
      ? `json_group_array(json_object(${pairs}))`
      : `coalesce(json_agg(json_build_object(${pairs})), '[]')::text`;
  return `(SELECT ${array} FROM (SELECT ${columns}
    FROM group_members m JOIN groups g ON g.id = m.group_id
    WHERE m.user_id = ${userId} ORDER BY g.name) AS memberships)`;
}

export function toMemberships(json: string): readonly Membership[] {
  return (JSON.parse(json) as MembershipColumns[]).map(toMembership);
}

export function toMembership(row: MembershipColumns): Membership {
  const { name, has_quota, quota_bytes } = row;
  return { name, hasQuota: has_quota === 1, quotaBytes: quota_bytes, ...toLimits(row) };
}

/**
 * What a user without an own quota may store, in bytes: the most that one of the groups says, where
 * no limit is more than any. null: no limit.
 * @param otherwise where none of them says anything
 */
export function inheritedQuota(
  groups: readonly GroupQuota[],
  otherwise: number | null,
): number | null {
  const said = groups.filter(({ hasQuota }) => hasQuota).map(({ quotaBytes }) => quotaBytes);
  if (said.length === 0) return otherwise;
  return said.reduce((a, b) => (a === null || b === null ? null : Math.max(a, b)));
}

export function standingOf(
  row: LimitColumns,
  memberships: string,
  { quotaOwn, quotaBytes }: { readonly quotaOwn: boolean; readonly quotaBytes: number | null },
): Standing {
  const own = toLimits(row);
  const groups = toMemberships(memberships);
  const { limits, origins } = effectiveLimits(own, groups);
  const giving = groups.filter((group) => group.hasQuota && group.quotaBytes === quotaBytes);
  return {
    ...limits,
    own,
    groups: groups.map(({ name }) => name),
    origins,
    quotaGroups: quotaOwn ? [] : giving.map(({ name }) => name),
  };
}
