import { hasExpired } from "../../src/auth/login-limits.ts";
import type { UserInfo } from "../../src/control/protocol.ts";
import { dateText } from "../../src/text/figures.ts";
import { agoText, countText, share, sizeText } from "../format.ts";
import type { Frame } from "../frame.ts";
import type { Model } from "../model.ts";
import { roundQuota } from "../quota.ts";
import { SORTS } from "../update/users.ts";
import { type CellText, type Column, drawTable, plural, quotaBar } from "./parts.ts";
import { drawSummary } from "./summary.ts";

export function drawUsers(frame: Frame, model: Model): void {
  const { users } = model;
  const count = users.loaded ? plural(users.total, "user") : "…";
  const marked = users.marked.size === 0 ? [] : [["marked", `${users.marked.size}`] as const];
  drawSummary(frame, model, [["", count], ...marked], { filter: users.filter });
  const wide = frame.columns >= 110;
  const columns = userColumns(model, wide);
  drawTable(frame, model, {
    columns,
    row: (index) => {
      const user = users.rows[index - users.pageOffset];
      return user && userCells(user, model.now, wide);
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

function userColumns({ users }: Model, wide: boolean): Column[] {
  const titles: readonly (readonly [string, number])[] = [
    ["NAME", 0],
    ["ROLE", 6],
    ["STATE", 8],
    ["USED", 8],
    ["QUOTA", wide ? 30 : 14],
    ["FILES", 6],
    ["SESS", 5],
    ["LAST LOGIN", wide ? 16 : 11],
  ];
  const columns = titles.map(([title, width], sort): Column => {
    const sorted = SORTS[sort] === users.sort ? (users.descending ? "down" : "up") : undefined;
    const right = sort === 3 || sort === 5 || sort === 6;
    return { title, width, sort, sorted, ...(right ? { align: "right" as const } : {}) };
  });
  return wide ? columns.toSpliced(5, 0, { title: "LIMIT", width: 8, align: "right" }) : columns;
}

function userCells(user: UserInfo, now: number, wide: boolean): CellText[] {
  const { quotaBytes, usedBytes, lastLoginAt } = user;
  const cells: CellText[] = [
    [user.name, { bold: true }],
    user.role === "admin" ? ["admin", { fg: "cyan" }] : user.role,
    stateCell(user, now),
    sizeText(usedBytes),
    quotaBar(share(usedBytes, quotaBytes), wide ? 30 : 14),
    countText(user.files),
    String(user.sessions),
    wide ? dateText(lastLoginAt) : agoText(lastLoginAt, now),
  ];
  return wide ? cells.toSpliced(5, 0, roundQuota(quotaBytes)) : cells;
}

function stateCell(user: UserInfo, now: number): CellText {
  if (!user.enabled) return ["disabled", { fg: "red" }];
  return hasExpired(user, now) ? ["expired", { fg: "red" }] : "enabled";
}
