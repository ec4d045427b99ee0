import { LISTS } from "./lists.ts";
import type { Model } from "./model.ts";

/** Rows that are marked, to be changed together, in lists that control gives whole. */

const NONE: ReadonlySet<string> = new Set();

/** What marked rows are known by; those that the list shows no more don't count. */
export function marksOf(model: Model): readonly string[] {
  const marks = model.marks[model.view] ?? NONE;
  if (marks.size === 0) return [];
  return LISTS[model.view]?.ids?.(model).filter((id) => marks.has(id)) ?? [];
}

/** Of some rows those that are marked; where none is, the one at the cursor. */
export function chosenOf<T>(
  model: Model,
  items: readonly T[],
  id: (item: T) => string,
): readonly T[] {
  const marked = new Set(marksOf(model));
  if (marked.size > 0) return items.filter((item) => marked.has(id(item)));
  const selected = items[LISTS[model.view]?.cursor(model).index ?? -1];
  return selected === undefined ? [] : [selected];
}
