import type { UserSort } from "../src/control/protocol.ts";
import { type Column, fitted, widest } from "./columns.ts";
import { tableRoom } from "./lists.ts";
import type { Model } from "./model.ts";

/** The columns of the users' table that it can be sorted by, from left to right. */
export const SORTS: readonly UserSort[] = [
  "name",
  "role",
  "state",
  "used",
  "percent",
  "files",
  "sessions",
  "login",
];

/** The longest name that always has room; longer ones have it where others leave some. */
const NAME_ROOM = 20;

export function userColumns({ users }: Pick<Model, "users">): readonly Column[] {
  const names = users.rows.map(({ name }) => name);
  const by = (sort: UserSort): Pick<Column, "sort" | "sorted"> => ({
    sort: SORTS.indexOf(sort),
    sorted: sort === users.sort ? (users.descending ? "down" : "up") : undefined,
  });
  const right = { align: "right" } as const;
  return [
    {
      title: "NAME",
      width: widest(names, 8, NAME_ROOM),
      most: widest(names, 8, 32),
      ...by("name"),
    },
    { title: "ROLE", width: 5, spare: 2, ...by("role") },
    { title: "STATE", width: 8, ...by("state") },
    { title: "USED", width: 7, ...right, ...by("used") },
    { title: "LIMIT", width: 7, ...right },
    { title: "QUOTA", width: 12, most: 30, ...by("percent") },
    { title: "FILES", width: 7, spare: 3, ...right, ...by("files") },
    { title: "SESS", width: 5, ...right, ...by("sessions") },
    { title: "LAST LOGIN", width: 11, ...by("login") },
    { title: "GROUPS", width: 0, spare: 4 },
  ];
}

/** The columns to sort by that are shown. */
export function shownSorts(model: Pick<Model, "users" | "columns">): readonly UserSort[] {
  const columns = userColumns(model);
  return fitted(columns, tableRoom(model)).flatMap(({ at }) => {
    const sort = SORTS[columns[at]?.sort ?? -1];
    return sort === undefined ? [] : [sort];
  });
}
