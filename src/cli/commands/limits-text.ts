import { expiryText, limitTexts, trashKeepText } from "../../auth/login-limits-text.ts";
import { LIMIT_FIELDS, NO_LIMITS } from "../../store/login-limits.ts";
import type { Account, LoginLimits } from "../../store/types.ts";
import { count } from "../../text/figures.ts";
import { formatRate } from "../../text/units.ts";

/** In few words; empty where the logins are not limited. */
export function limitsLine(limits: LoginLimits): string {
  const { expiresAt, from, auth, maxSessions, uploadRate, downloadRate, trashKeep, require } =
    limits;
  const [first, ...more] = from ?? [];
  const parts = [
    ...(expiresAt === null ? [] : [`until ${expiryText(expiresAt)}`]),
    ...(first === undefined ? [] : [`from ${first}${more.length > 0 ? ` +${more.length}` : ""}`]),
    ...(auth === null ? [] : [`by ${auth.join(" or ")}`]),
    ...(maxSessions === null ? [] : [count(maxSessions, "session")]),
    ...(uploadRate === null ? [] : [`up ${formatRate(uploadRate)}`]),
    ...(downloadRate === null ? [] : [`down ${formatRate(downloadRate)}`]),
    ...(trashKeep === null ? [] : [`trash ${trashKeepText(trashKeep)}`]),
    ...(require === null ? [] : [`with ${require.join(" and ")}`]),
  ];
  return parts.join(", ");
}

/** The limits in force, each with its value and where it comes from, when that is a group. */
export function effectiveTexts(account: Account, now: number): (readonly [string, string])[] {
  return LIMIT_FIELDS.flatMap((field) => {
    const one: LoginLimits = { ...NO_LIMITS, [field]: account[field] };
    return limitTexts(one, now).map(([title, text]) => {
      const groups = account.origins[field];
      return [title, groups === undefined ? text : `${text} (${ofGroups(groups)})`] as const;
    });
  });
}

/** "of group students", "of groups students, staff" */
export function ofGroups(names: readonly string[]): string {
  return `of group${names.length === 1 ? "" : "s"} ${names.join(", ")}`;
}
