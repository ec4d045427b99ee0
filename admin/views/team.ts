import { limitTexts } from "../../src/auth/login-limits-text.ts";
import type { FolderInfo, GroupInfo } from "../../src/control/protocol.ts";
import { widest } from "../columns.ts";
import { countText, share, sizeText } from "../format.ts";
import type { Frame } from "../frame.ts";
import type { Model, TableModel } from "../model.ts";
import { roundQuota } from "../quota.ts";
import { FOLDER_SORTS, folderItems, GROUP_SORTS, groupItems } from "../tables.ts";
import { type CellText, type Column, drawTable, quotaBar } from "./parts.ts";
import { drawSummary } from "./summary.ts";

export function drawGroups(frame: Frame, model: Model): void {
  const { groups, groupList, now } = model;
  const items = groupItems(model);
  drawSummary(frame, model, { of: "groups" });
  const names = items.map(({ name }) => name);
  drawTable(frame, model, {
    columns: columnsOf(groups, GROUP_SORTS, [
      { width: widest(names, 8, 20), most: widest(names, 8, 32) },
      { width: 8, align: "right" },
      { width: 10, align: "right" },
      { width: 8, align: "right" },
      { width: 6, align: "right" },
      { width: 0 },
    ]),
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
    countText(shares),
    countText(rules),
    limits.join("  "),
  ];
}

export function drawFolders(frame: Frame, model: Model): void {
  const { folders, folderList } = model;
  const items = folderItems(model);
  drawSummary(frame, model, { of: "folders" });
  const names = items.map(({ name }) => name);
  const columns = columnsOf(folders, FOLDER_SORTS, [
    { width: widest(names, 8, 20), most: widest(names, 8, 32) },
    { width: 8, align: "right" },
    { width: 12, most: 30 },
    { width: 7, spare: 1, align: "right" },
    { width: 0 },
  ]);
  drawTable(frame, model, {
    columns: columns.toSpliced(2, 0, { title: "LIMIT", width: 8, align: "right" }),
    row: (index) => {
      const folder = items[index];
      return folder && folderCells(folder);
    },
    count: items.length,
    cursor: folders.cursor,
    empty: emptyText(folderList, folders, "folder"),
  });
}

function folderCells(folder: FolderInfo): CellText[] {
  const { name, usedBytes, quotaBytes, files, shares } = folder;
  return [
    [name, { bold: true }],
    sizeText(usedBytes),
    roundQuota(quotaBytes),
    (width) => quotaBar(share(usedBytes, quotaBytes), width),
    countText(files),
    shares.length === 0 ? "nobody" : shares.map(({ to }) => to).join(", "),
  ];
}

/** Columns with what is said of the order; one shape for each of the sorts. */
function columnsOf(
  { sort: by, descending }: TableModel,
  sorts: readonly { readonly title: string }[],
  shapes: readonly Omit<Column, "title">[],
): Column[] {
  return sorts.map(({ title }, sort): Column => {
    const sorted = sort === by ? (descending ? "down" : "up") : undefined;
    return { title, sort, sorted, width: 0, ...shapes[sort] };
  });
}

function emptyText(all: readonly unknown[] | null, { filter }: TableModel, one: string): string {
  if (all === null) return "Loading …";
  return filter === ""
    ? `No ${one}s yet: press a to add one.`
    : `No ${one} here contains “${filter}”: Esc shows all.`;
}
