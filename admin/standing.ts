import { limitTexts } from "../src/auth/login-limits-text.ts";
import type { UserInfo } from "../src/control/protocol.ts";
import type { LoginLimits } from "../src/store/types.ts";

/** What is in force for a user or a group, in words. */

/** A limit in force: what it is called, its value, and where it comes from. */
export interface LimitInForce {
  readonly label: string;
  readonly text: string;
  readonly from: string;
}

/** A user's own limit counts; where there is none, what the groups say. */
export function limitsInForce(user: UserInfo, now: number): readonly LimitInForce[] {
  const fields = Object.keys(user.effective) as (keyof LoginLimits)[];
  const none = Object.fromEntries(fields.map((field) => [field, null])) as unknown as LoginLimits;
  return fields.flatMap((field) =>
    limitTexts({ ...none, [field]: user.effective[field] }, now).map(([label, text]) => ({
      label,
      text,
      from: originText(user.origins[field]),
    })),
  );
}

function originText(groups: readonly string[] | undefined): string {
  return groups === undefined ? "own" : ofGroups(groups);
}

function ofGroups(names: readonly string[]): string {
  return `of group${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}

/** Where a user's quota comes from. */
export function quotaOrigin({ quotaOwn, quotaGroups }: UserInfo): string {
  if (quotaOwn) return "own";
  return quotaGroups.length === 0 ? "default" : ofGroups(quotaGroups);
}
