import { limitTexts } from "../src/auth/login-limits-text.ts";
import type { FolderInfo, GroupInfo } from "../src/control/protocol.ts";
import { share } from "./format.ts";
import type { Model, TableModel } from "./model.ts";

/** What the tables of groups and of folders show, in their order: for keys and for drawing. */

/** A column that a table can be sorted by. */
interface Sort<T> {
  readonly title: string;
  key(item: T): string | number;
}

/** The group says nothing of it: less than any quota. No limit: more than any. */
function quotaKey({ hasQuota, quotaBytes }: GroupInfo): number {
  return hasQuota ? (quotaBytes ?? Number.POSITIVE_INFINITY) : -1;
}

export const GROUP_SORTS: readonly Sort<GroupInfo>[] = [
  { title: "NAME", key: ({ name }) => name },
  { title: "MEMBERS", key: ({ members }) => members },
  { title: "QUOTA", key: quotaKey },
  { title: "FOLDERS", key: ({ shares }) => shares },
  { title: "RULES", key: ({ rules }) => rules },
  { title: "LIMITS", key: (group) => limitTexts(group, 0).length },
];

export const FOLDER_SORTS: readonly Sort<FolderInfo>[] = [
  { title: "NAME", key: ({ name }) => name },
  { title: "USED", key: ({ usedBytes }) => usedBytes },
  { title: "QUOTA", key: ({ usedBytes, quotaBytes }) => share(usedBytes, quotaBytes) ?? -1 },
  { title: "FILES", key: ({ files }) => files },
  { title: "SHARED WITH", key: ({ shares }) => shares.length },
];

export function groupItems({ groupList, groups }: Model): readonly GroupInfo[] {
  return inOrder(groupList ?? [], groups, GROUP_SORTS, ({ name }) => [name]);
}

/** Folders are found by whom they are shared with, too. */
export function folderItems({ folderList, folders }: Model): readonly FolderInfo[] {
  return inOrder(folderList ?? [], folders, FOLDER_SORTS, ({ name, shares }) => [
    name,
    ...shares.map(({ to }) => to),
  ]);
}

export function selectedGroup(model: Model): GroupInfo | undefined {
  return groupItems(model)[model.groups.cursor.index];
}

export function selectedFolder(model: Model): FolderInfo | undefined {
  return folderItems(model)[model.folders.cursor.index];
}

function inOrder<T extends { readonly name: string }>(
  all: readonly T[],
  { filter, sort, descending }: TableModel,
  sorts: readonly Sort<T>[],
  texts: (item: T) => readonly string[],
): readonly T[] {
  const wanted = filter.toLowerCase();
  const key = sorts[sort]?.key ?? ((item: T) => item.name);
  const sign = descending ? -1 : 1;
  return all
    .filter((item) => texts(item).some((text) => text.toLowerCase().includes(wanted)))
    .sort((a, b) => sign * compare(key(a), key(b)) || compare(a.name, b.name));
}

/** Numbers in names count as numbers, as people read them: team2 comes before team10. */
const NAMES = new Intl.Collator("en", { numeric: true });

function compare(one: string | number, other: string | number): number {
  if (typeof one === "string" && typeof other === "string") return NAMES.compare(one, other);
  return one < other ? -1 : one > other ? 1 : 0;
}
