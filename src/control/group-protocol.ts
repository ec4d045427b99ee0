import type { LoginLimits } from "../store/types.ts";

/** A group; quotas in bytes, times in milliseconds since the epoch. */
export interface GroupInfo extends LoginLimits {
  readonly name: string;
  /** how many */
  readonly members: number;
  /** how many folders are shared with it */
  readonly shares: number;
  /** how many rules of access it has */
  readonly rules: number;
  /** false: the group says nothing of what its members may store */
  readonly hasQuota: boolean;
  /** null: no limit */
  readonly quotaBytes: number | null;
  readonly createdAt: number;
}

export interface GroupView {
  readonly group: GroupInfo;
  /** names, sorted */
  readonly members: readonly string[];
  /** how many folders are shared with it */
  readonly shares: number;
  /** how many rules of access it has */
  readonly rules: number;
}

/** Absent fields stay. Limits: null is none of the group's; quota: null is no limit. */
export interface GroupChange extends Partial<LoginLimits> {
  readonly name: string;
  /** "default": the group says nothing of it */
  readonly quotaBytes?: number | null | "default";
}

export interface GroupUsers {
  readonly name: string;
  readonly users: readonly string[];
}

/** Method → what it takes and gives. */
export interface GroupMethods {
  "groups.list": { params: Record<string, never>; result: readonly GroupInfo[] };
  "groups.show": { params: { readonly name: string }; result: GroupView };
  "groups.add": { params: GroupChange; result: GroupInfo };
  "groups.set": { params: GroupChange; result: GroupInfo };
  /** Its members stay, without it. Resolves to what went with it. */
  "groups.remove": {
    params: { readonly name: string };
    result: { readonly members: number; readonly shares: number; readonly rules: number };
  };
  /** Resolves to the names of those who were no members before. */
  "groups.join": { params: GroupUsers; result: { readonly joined: readonly string[] } };
  /** Resolves to the names of those who were members before. */
  "groups.leave": { params: GroupUsers; result: { readonly left: readonly string[] } };
}
