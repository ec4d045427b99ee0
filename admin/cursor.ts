import type { Cursor } from "./model.ts";

/** The same place, with the row in the list and among the rows shown. */
export function settled(cursor: Cursor, count: number, rows: number): Cursor {
  const shown = Math.max(1, rows);
  const index = clamp(cursor.index, 0, Math.max(0, count - 1));
  const lowest = Math.max(0, count - shown);
  const top = clamp(clamp(cursor.top, index - shown + 1, index), 0, lowest);
  return index === cursor.index && top === cursor.top ? cursor : { index, top };
}

/**
 * Where a key for moving leads; undefined for other keys.
 * @param rows how many the list shows
 * @param page by how many a page key moves
 */
export function moved(
  cursor: Cursor,
  key: string,
  count: number,
  rows: number,
  page: number,
): Cursor | undefined {
  const by = (delta: number, scroll = 0): Cursor =>
    settled({ index: cursor.index + delta, top: cursor.top + scroll }, count, rows);
  switch (key) {
    case "up":
    case "k":
      return by(-1);
    case "down":
    case "j":
      return by(1);
    case "pageup":
    case "ctrl-b":
    case "ctrl-u":
      return by(-page, -page);
    case "pagedown":
    case "ctrl-f":
    case "ctrl-d":
      return by(page, page);
    case "home":
    case "g":
      return settled({ index: 0, top: 0 }, count, rows);
    case "end":
    case "G":
      return settled({ index: count - 1, top: count }, count, rows);
    default:
      return undefined;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
