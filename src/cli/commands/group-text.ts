import { limitTexts } from "../../auth/login-limits-text.ts";
import type { GroupDetails } from "../../control/groups.ts";
import type { Group } from "../../store/groups.ts";
import { dateText } from "../../text/figures.ts";
import { fields, quotaText, table } from "../format.ts";
import type { Io } from "../io.ts";
import { limitsLine } from "./limits-text.ts";

export function groupTable(io: Io, groups: readonly Group[]): string {
  const withLimits = groups.some((group) => limitsLine(group) !== "");
  const columns = [
    { title: "NAME" },
    { title: "MEMBERS", right: true },
    { title: "QUOTA", right: true },
    ...(withLimits ? [{ title: "LIMITS" }] : []),
  ];
  const rows = groups.map((group) => [
    group.name,
    `${group.members}`,
    groupQuotaText(group),
    ...(withLimits ? [limitsLine(group)] : []),
  ]);
  return table(io, columns, rows);
}

function groupQuotaText({ hasQuota, quotaBytes }: Group): string {
  return hasQuota ? quotaText(quotaBytes) : "default";
}

export function groupDetails({ group, members, shares, rules }: GroupDetails): string {
  return fields([
    ["Name", group.name],
    ["Quota", groupQuotaText(group)],
    ...limitTexts(group, Date.now()),
    ["Created", dateText(group.createdAt)],
    ...(shares > 0 ? [["Shared folders", `${shares}`] as const] : []),
    ...(rules > 0 ? [["Access rules", `${rules}`] as const] : []),
    ["Members", `${members.length}`],
    ...members.map((member) => ["", member] as const),
  ]);
}
