import { moved } from "./cursor.ts";
import type { Cursor, Model, PageDialog } from "./model.ts";
import { type PageItem, type PageRow, pageItems } from "./page-parts.ts";
import { pageRows } from "./page-rows.ts";

/** On a page the cursor goes from item to item; `top` is the first row shown. */

/** How many rows of a page are shown: the title and the line of what was done last stay in sight. */
export function pageHeight({ rows }: Pick<Model, "rows">): number {
  return Math.max(1, rows - 9);
}

export function selectedItem(model: Model, page: PageDialog): PageItem | undefined {
  return pageItems(pageRows(model, page))[page.cursor.index];
}

/** Where a key for moving leads; undefined for other keys. */
export function pageMoved(model: Model, page: PageDialog, key: string): Cursor | undefined {
  const items = pageItems(pageRows(model, page)).length;
  const by = Math.max(1, pageHeight(model) - 1);
  const to = moved({ index: page.cursor.index, top: 0 }, key, items, items, by);
  return to && settledPage(model, { ...page, cursor: { ...page.cursor, index: to.index } });
}

/** The cursor with its item there and in sight; above the first and below the last item all is. */
export function settledPage(model: Model, page: PageDialog): Cursor {
  const rows = pageRows(model, page);
  const lines = linesOfItems(rows);
  const height = pageHeight(model);
  const last = Math.max(0, lines.length - 1);
  const index = Math.min(page.cursor.index, last);
  const line = lines[index] ?? 0;
  const high = index === last ? rows.length - 1 : line;
  const wanted = within(page.cursor.top, high - height + 1, index === 0 ? 0 : line);
  const top = within(wanted, Math.max(0, line - height + 1), line);
  return index === page.cursor.index && top === page.cursor.top ? page.cursor : { index, top };
}

function linesOfItems(rows: readonly PageRow[]): number[] {
  return rows.flatMap((row, at) => (row.kind === "item" ? [at] : []));
}

/** Not below `low`; where that goes, not above `high`. */
function within(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
