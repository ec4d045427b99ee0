import { limitTexts } from "../../src/auth/login-limits-text.ts";
import type { FolderInfo, GroupInfo } from "../../src/control/protocol.ts";
import { countText, share, sizeText } from "../format.ts";
import type { Frame } from "../frame.ts";
import type { Model, TableModel } from "../model.ts";
import { roundQuota } from "../quota.ts";
import { FOLDER_SORTS, folderItems, GROUP_SORTS, groupItems } from "../tables.ts";
import { type CellText, type Column, drawTable, plural, quotaBar } from "./parts.ts";
import { drawSummary } from "./summary.ts";

export function drawGroups(frame: Frame, model: Model): void {
  const { groups, groupList, now } = model;
  const items = groupItems(model);
  const count = groupList === null ? "…" : plural(items.length, "group");
  drawSummary(frame, model, [["", count]], { filter: groups.filter });
  const wide = frame.columns >= 110;
  drawTable(frame, model, {
    columns: columnsOf(groups, GROUP_SORTS, [wide ? 32 : 20, 8, 10, 8, 6, 0], [1, 2, 3, 4]),
    row: (index) => {
      const group = items[index];
      return group && groupCells(group, now);
    },
    count: items.length,
    cursor: groups.cursor,
    empty: emptyText(groupList, groups, "group"),
  });
}

function groupCells(group: GroupInfo, now: number): CellText[] {
  const { name, members, hasQuota, quotaBytes, shares, rules } = group;
  const limits = limitTexts(group, now).map(([label, text]) => `${label}: ${text}`);
  return [
    [name, { bold: true }],
    countText(members),
    hasQuota ? roundQuota(quotaBytes) : "-",
    String(shares),
    String(rules),
    limits.join("  "),
  ];
}

export function drawFolders(frame: Frame, model: Model): void {
  const { folders, folderList } = model;
  const items = folderItems(model);
  const count = folderList === null ? "…" : plural(items.length, "folder");
  drawSummary(frame, model, [["", count]], { filter: folders.filter });
  const wide = frame.columns >= 110;
  const columns = columnsOf(
    folders,
    FOLDER_SORTS,
    [wide ? 32 : 18, 8, wide ? 30 : 14, 6, 0],
    [1, 3],
  );
  const limit: Column = { title: "LIMIT", width: 8, align: "right" };
  drawTable(frame, model, {
    columns: wide ? columns.toSpliced(3, 0, limit) : columns,
    row: (index) => {
      const folder = items[index];
      return folder && folderCells(folder, wide);
    },
    count: items.length,
    cursor: folders.cursor,
    empty: emptyText(folderList, folders, "folder"),
  });
}

function folderCells(folder: FolderInfo, wide: boolean): CellText[] {
  const { name, usedBytes, quotaBytes, files, shares } = folder;
  const cells: CellText[] = [
    [name, { bold: true }],
    sizeText(usedBytes),
    quotaBar(share(usedBytes, quotaBytes), wide ? 30 : 14),
    countText(files),
    shares.length === 0 ? "nobody" : shares.map(({ to }) => to).join(", "),
  ];
  return wide ? cells.toSpliced(3, 0, roundQuota(quotaBytes)) : cells;
}

function columnsOf(
  { sort: by, descending }: TableModel,
  sorts: readonly { readonly title: string }[],
  wide: readonly number[],
  right: readonly number[],
): Column[] {
  return sorts.map(({ title }, sort): Column => {
    const sorted = sort === by ? (descending ? "down" : "up") : undefined;
    const align = right.includes(sort) ? { align: "right" as const } : {};
    return { title, width: wide[sort] ?? 0, sort, sorted, ...align };
  });
}

function emptyText(all: readonly unknown[] | null, { filter }: TableModel, one: string): string {
  if (all === null) return "Loading …";
  return filter === ""
    ? `No ${one}s yet: press a to add one.`
    : `No ${one} here contains “${filter}”: Esc shows all.`;
}
