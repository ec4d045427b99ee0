import { hasExpired } from "../../auth/login-limits.ts";
import type { FactorStatus } from "../../control/factors.ts";
import type { UserWithKeys } from "../../control/users.ts";
import type { UserPage } from "../../control/views.ts";
import type { Account } from "../../store/types.ts";
import { dateText } from "../../text/figures.ts";
import { roundSize } from "../../text/units.ts";
import { fields, quotaText, table } from "../format.ts";
import type { Io } from "../io.ts";
import { ruleText } from "./access.ts";
import { effectiveTexts, limitsLine, ofGroups } from "./limits-text.ts";

export function userTable(
  io: Io,
  users: readonly UserWithKeys[],
  { keys: withKeys = true } = {},
): string {
  const now = Date.now();
  const withLimits = users.some(({ account }) => limitsLine(account) !== "");
  const withGroups = users.some(({ account }) => account.groups.length > 0);
  const columns = [
    { title: "NAME" },
    { title: "ROLE" },
    { title: "STATE" },
    { title: "USED", right: true },
    { title: "QUOTA", right: true },
    { title: "FILES", right: true },
    { title: "LAST LOGIN" },
    ...(withKeys ? [{ title: "LOGS IN WITH" }] : []),
    ...(withGroups ? [{ title: "GROUPS" }] : []),
    ...(withLimits ? [{ title: "LIMITS" }] : []),
  ];
  const rows = users.map((user) => [
    user.account.name,
    user.account.role,
    stateText(user.account, now),
    roundSize(user.account.usedBytes),
    quotaText(user.account.quotaBytes),
    `${user.account.usedFiles}`,
    dateText(user.account.lastLoginAt),
    ...(withKeys ? [methods(user)] : []),
    ...(withGroups ? [user.account.groups.join(", ")] : []),
    ...(withLimits ? [limitsLine(user.account)] : []),
  ]);
  return table(io, columns, rows);
}

export function userDetails({ user, factor, rules }: UserPage): string {
  const { account, keys } = user;
  return fields([
    ["Name", account.name],
    ["Role", account.role],
    ...(account.groups.length === 0 ? [] : [["Groups", account.groups.join(", ")] as const]),
    ["State", stateText(account, Date.now())],
    ["Used", `${roundSize(account.usedBytes)} (${account.usedBytes} bytes)`],
    ["Quota", quotaLine(account)],
    ["Files", `${account.usedFiles}`],
    ["Max files", account.quotaFiles === null ? "none" : `${account.quotaFiles}`],
    ["Password", passwordText(account)],
    ["Second factor", factorText(factor)],
    ...effectiveTexts(account, Date.now()),
    ["Created", dateText(account.createdAt)],
    ["Last login", dateText(account.lastLoginAt)],
    ...rules.map((rule) => ["Access", ruleText(rule)] as const),
    ...keys.map(
      (key) => ["Key", `${key.fingerprint} ${key.algorithm} ${key.comment}`.trim()] as const,
    ),
  ]);
}

function factorText(factor: FactorStatus | undefined): string {
  if (factor === undefined) return "none";
  return `since ${dateText(factor.enrolledAt)}, ${factor.recoveryCodes} recovery codes left`;
}

function passwordText({ passwordHash, passwordChange }: Account): string {
  if (passwordHash === null) return "none";
  return passwordChange ? "set, to be changed at the next login" : "set";
}

function stateText(account: Account, now: number): string {
  if (!account.enabled) return "disabled";
  return hasExpired(account, now) ? "expired" : "enabled";
}

/** The quota in force, and where it comes from, when it is not the user's own. */
function quotaLine({ quotaBytes, quotaOwn, quotaGroups }: Account): string {
  const source = quotaGroups.length > 0 ? ofGroups(quotaGroups) : "the default";
  const notes = [
    ...(quotaBytes === null ? [] : [`${quotaBytes} bytes`]),
    ...(quotaOwn ? [] : [source]),
  ];
  const text = quotaText(quotaBytes);
  return notes.length === 0 ? text : `${text} (${notes.join(", ")})`;
}

function methods({ account, keys }: UserWithKeys): string {
  const parts = [
    ...(account.passwordHash === null ? [] : ["password"]),
    ...(keys.length === 0 ? [] : [keys.length === 1 ? "1 key" : `${keys.length} keys`]),
  ];
  return parts.length === 0 ? "nothing yet" : parts.join(", ");
}
