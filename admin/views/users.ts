import { hasExpired } from "../../src/auth/login-limits.ts";
import type { UserInfo } from "../../src/control/protocol.ts";
import { agoText, countText, share, sizeText } from "../format.ts";
import type { Frame } from "../frame.ts";
import type { Model } from "../model.ts";
import { roundQuota } from "../quota.ts";
import { userColumns } from "../user-columns.ts";
import { type CellText, drawTable, quotaBar } from "./parts.ts";
import { drawSummary } from "./summary.ts";

export function drawUsers(frame: Frame, model: Model): void {
  const { users } = model;
  const marked = users.marked.size === 0 ? [] : [["marked", `${users.marked.size}`] as const];
  drawSummary(frame, model, { of: "users", texts: marked });
  drawTable(frame, model, {
    columns: userColumns(model),
    row: (index) => {
      const user = users.rows[index - users.pageOffset];
      return user && userCells(user, model.now);
    },
    marked: (index) => users.marked.has(users.rows[index - users.pageOffset]?.name ?? ""),
    count: users.total,
    cursor: users.cursor,
    empty: emptyText(model),
  });
}

function emptyText({ users }: Model): string {
  if (!users.loaded) return "Loading …";
  return users.filter === ""
    ? "No users yet: press a to add one."
    : `No user's name contains “${users.filter}”: Esc shows all.`;
}

function userCells(user: UserInfo, now: number): CellText[] {
  const { quotaBytes, usedBytes, lastLoginAt } = user;
  return [
    [user.name, { bold: true }],
    user.role === "admin" ? ["admin", { fg: "cyan" }] : user.role,
    stateCell(user, now),
    sizeText(usedBytes),
    roundQuota(quotaBytes),
    (width) => quotaBar(share(usedBytes, quotaBytes), width),
    countText(user.files),
    countText(user.sessions),
    agoText(lastLoginAt, now),
    user.groups.join(", "),
  ];
}

function stateCell(user: UserInfo, now: number): CellText {
  if (!user.enabled) return ["disabled", { fg: "red" }];
  return hasExpired(user, now) ? ["expired", { fg: "red" }] : "enabled";
}
