import type { Config } from "../config/types.ts";
import type { LoginLimits, Role } from "../store/types.ts";
import { NoGroupError, UserExistsError } from "../store/users.ts";
import { ControlError } from "./errors.ts";
import { describeLimits } from "./login-limits.ts";
import { unknownGroup } from "./names.ts";

/** What users have who were given no quota of their own. */
export type DefaultQuota = Pick<Config["quota"], "default" | "files">;

/** The quotas of a new user: absent is what groups and settings say. */
export function newQuotas(
  { quotaBytes, quotaFiles }: { quotaBytes?: number | null; quotaFiles?: number | null },
  otherwise: DefaultQuota,
) {
  const files = quotaFiles === undefined ? otherwise.files : quotaFiles;
  if (quotaBytes !== undefined) return { quotaBytes, quotaFiles: files, quotaOwn: true };
  return { quotaBytes: otherwise.default, quotaFiles: files, quotaOwn: false };
}

/** For the audit trail. */
export function describeNew(
  {
    role,
    keys = [],
    groups = [],
  }: { role: Role; keys?: readonly unknown[]; groups?: readonly string[] },
  limits: Partial<LoginLimits> = {},
): string {
  const parts = [`role ${role}`, `${keys.length} keys`, ...describeLimits(limits)];
  if (groups.length > 0) parts.push(`groups ${groups.join(" ")}`);
  return parts.join(", ");
}

/** What a person can put right of what the store says, as such. */
export function addingError(thrown: unknown): unknown {
  if (thrown instanceof NoGroupError) return unknownGroup(thrown.groupName);
  return thrown instanceof UserExistsError ? exists(thrown.userName) : thrown;
}

export function exists(name: string): ControlError {
  return new ControlError(`user ${name} exists already: \`moorage user set ${name}\` changes it`);
}
