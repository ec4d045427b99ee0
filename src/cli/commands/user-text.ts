import { hasExpired } from "../../auth/login-limits.ts";
import { expiryText, limitTexts } from "../../auth/login-limits-text.ts";
import type { UserWithKeys } from "../../control/users.ts";
import type { Account } from "../../store/types.ts";
import { count, dateText } from "../../text/figures.ts";
import { roundSize } from "../../text/units.ts";
import { fields, quotaText, table } from "../format.ts";
import type { Io } from "../io.ts";

export function userTable(
  io: Io,
  users: readonly UserWithKeys[],
  { keys: withKeys = true } = {},
): string {
  const now = Date.now();
  const withLimits = users.some(({ account }) => limitsLine(account) !== "");
  const columns = [
    { title: "NAME" },
    { title: "ROLE" },
    { title: "STATE" },
    { title: "USED", right: true },
    { title: "QUOTA", right: true },
    { title: "FILES", right: true },
    { title: "LAST LOGIN" },
    ...(withKeys ? [{ title: "LOGS IN WITH" }] : []),
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
    ...(withLimits ? [limitsLine(user.account)] : []),
  ]);
  return table(io, columns, rows);
}

export function userDetails(user: UserWithKeys): string {
  const { account, keys } = user;
  return fields([
    ["Name", account.name],
    ["Role", account.role],
    ["State", stateText(account, Date.now())],
    ["Used", `${roundSize(account.usedBytes)} (${account.usedBytes} bytes)`],
    [
      "Quota",
      account.quotaBytes === null
        ? "none"
        : `${quotaText(account.quotaBytes)} (${account.quotaBytes} bytes)`,
    ],
    ["Files", `${account.usedFiles}`],
    ["Max files", account.quotaFiles === null ? "none" : `${account.quotaFiles}`],
    ["Password", passwordText(account)],
    ...limitTexts(account, Date.now()),
    ["Created", dateText(account.createdAt)],
    ["Last login", dateText(account.lastLoginAt)],
    ...keys.map(
      (key) => ["Key", `${key.fingerprint} ${key.algorithm} ${key.comment}`.trim()] as const,
    ),
  ]);
}

function passwordText({ passwordHash, passwordChange }: Account): string {
  if (passwordHash === null) return "none";
  return passwordChange ? "set, to be changed at the next login" : "set";
}

function stateText(account: Account, now: number): string {
  if (!account.enabled) return "disabled";
  return hasExpired(account, now) ? "expired" : "enabled";
}

/** In few words; empty where the logins are not limited. */
function limitsLine({ expiresAt, from, auth, maxSessions, require }: Account): string {
  const [first, ...more] = from ?? [];
  const parts = [
    ...(expiresAt === null ? [] : [`until ${expiryText(expiresAt)}`]),
    ...(first === undefined ? [] : [`from ${first}${more.length > 0 ? ` +${more.length}` : ""}`]),
    ...(auth === null ? [] : [`by ${auth.join(" or ")}`]),
    ...(maxSessions === null ? [] : [count(maxSessions, "session")]),
    ...(require === null ? [] : [`with ${require.join(" and ")}`]),
  ];
  return parts.join(", ");
}

function methods({ account, keys }: UserWithKeys): string {
  const parts = [
    ...(account.passwordHash === null ? [] : ["password"]),
    ...(keys.length === 0 ? [] : [keys.length === 1 ? "1 key" : `${keys.length} keys`]),
  ];
  return parts.length === 0 ? "nothing yet" : parts.join(", ");
}
