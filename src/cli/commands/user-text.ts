import type { UserWithKeys } from "../../control/users.ts";
import { dateText } from "../../text/figures.ts";
import { roundSize } from "../../text/units.ts";
import { fields, quotaText, table } from "../format.ts";
import type { Io } from "../io.ts";

export function userTable(
  io: Io,
  users: readonly UserWithKeys[],
  { keys: withKeys = true } = {},
): string {
  const columns = [
    { title: "NAME" },
    { title: "ROLE" },
    { title: "STATE" },
    { title: "USED", right: true },
    { title: "QUOTA", right: true },
    { title: "FILES", right: true },
    { title: "LAST LOGIN" },
    ...(withKeys ? [{ title: "LOGS IN WITH" }] : []),
  ];
  const rows = users.map((user) => [
    user.account.name,
    user.account.role,
    user.account.enabled ? "enabled" : "disabled",
    roundSize(user.account.usedBytes),
    quotaText(user.account.quotaBytes),
    `${user.account.usedFiles}`,
    dateText(user.account.lastLoginAt),
    ...(withKeys ? [methods(user)] : []),
  ]);
  return table(io, columns, rows);
}

export function userDetails(user: UserWithKeys): string {
  const { account, keys } = user;
  return fields([
    ["Name", account.name],
    ["Role", account.role],
    ["State", account.enabled ? "enabled" : "disabled"],
    ["Used", `${roundSize(account.usedBytes)} (${account.usedBytes} bytes)`],
    [
      "Quota",
      account.quotaBytes === null
        ? "none"
        : `${quotaText(account.quotaBytes)} (${account.quotaBytes} bytes)`,
    ],
    ["Files", `${account.usedFiles}`],
    ["Max files", account.quotaFiles === null ? "none" : `${account.quotaFiles}`],
    ["Password", account.passwordHash === null ? "none" : "set"],
    ["Created", dateText(account.createdAt)],
    ["Last login", dateText(account.lastLoginAt)],
    ...keys.map(
      (key) => ["Key", `${key.fingerprint} ${key.algorithm} ${key.comment}`.trim()] as const,
    ),
  ]);
}

function methods({ account, keys }: UserWithKeys): string {
  const parts = [
    ...(account.passwordHash === null ? [] : ["password"]),
    ...(keys.length === 0 ? [] : [keys.length === 1 ? "1 key" : `${keys.length} keys`]),
  ];
  return parts.length === 0 ? "nothing yet" : parts.join(", ");
}
