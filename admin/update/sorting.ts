import { START, type TableModel } from "../model.ts";

/** Sorts by a column; by the same once more turns the order round. */
export function sortedBy(table: TableModel, column: number): TableModel {
  // Names from the first on; figures from the largest on.
  const descending = column === table.sort ? !table.descending : column !== 0;
  return { ...table, sort: column, descending, cursor: START };
}

/** What a key for sorting makes of a table; undefined for other keys. */
export function sortKey(table: TableModel, columns: number, key: string): TableModel | undefined {
  switch (key) {
    case "o":
      return sortedBy(table, table.sort);
    case "right":
    case "l":
      return sortedBy(table, (table.sort + 1) % columns);
    case "left":
    case "h":
      return sortedBy(table, (table.sort + columns - 1) % columns);
    default:
      return undefined;
  }
}
