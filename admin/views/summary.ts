import { groupedText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { LISTS } from "../lists.ts";
import { marksOf } from "../marks.ts";
import type { Editor, Model } from "../model.ts";
import { clipLine, clipStart, ends, type Line, padLine, safe, span } from "../text.ts";
import { filterOf } from "../update/filter.ts";
import { BODY, pairs } from "./parts.ts";

/** What stands on the first line of a view. */
interface Summary {
  /** what the rows are, where all are of one kind: "users" */
  readonly of?: string;
  readonly texts?: readonly (readonly [string, string])[];
  readonly right?: Line;
}

/** The first line of a view: which row of how many, and by which filter, which is typed here. */
export function drawSummary(frame: Frame, model: Model, summary: Summary): void {
  const { of, texts = [], right = [] } = summary;
  const one = LISTS[model.view]?.count(model) === 1 ? of?.replace(/s$/, "") : of;
  const place = [placeText(model, of), one].filter((text) => text !== undefined).join(" ");
  const first = place === "" ? [] : [["", place] as const];
  const marks = marksOf(model).length;
  const marked = marks === 0 ? [] : [["marked", groupedText(marks)] as const];
  const left: Line = [span(" "), ...pairs(...first, ...marked, ...texts)];
  frame.put(0, BODY, ends(left, [...filterLine(model), ...right], frame.columns));
}

function filterLine(model: Model): Line {
  if (model.typing !== null) return [span("Filter: "), ...editorLine(model.typing, 30, false)];
  const filter = filterOf(model) ?? "";
  if (filter === "") return [];
  return [span("Filter: "), span(filter, { bold: true }), span("  (Esc shows all) ")];
}

/**
 * Where the cursor is in the list, as "11 of 36". An empty list with a name has its number alone.
 * Undefined when the view has no rows to select.
 */
function placeText(model: Model, of: string | undefined): string | undefined {
  const list = LISTS[model.view];
  if (list === undefined || list.scrolls) return undefined;
  const count = list.count(model);
  const number = groupedText(count);
  if (count === 0) return of === undefined ? undefined : number;
  return `${groupedText(list.cursor(model).index + 1)} of ${number}`;
}

/** Swaps the terminal's own two colours: that can be read on every background, and also without colours. */
const SELECTED = { reverse: true };

/** Text being typed, with a cursor, in exactly so many columns. */
export function editorLine(editor: Editor, columns: number, hidden: boolean): Line {
  const text = hidden ? "•".repeat([...editor.text].length) : editor.text;
  const at = hidden ? [...editor.text.slice(0, editor.at)].length : editor.at;
  const under = [...text.slice(at)][0] ?? "";
  const before = clipStart(safe(text.slice(0, at)), columns - 1);
  if (editor.selected) return padLine([span(before, SELECTED)], columns, { underline: true });
  const cursor = { reverse: true };
  const shown: Line = [
    span(before, { underline: true }),
    span(under === "" ? " " : under, cursor),
    span(text.slice(at + under.length), { underline: true }),
  ];
  return padLine(clipLine(shown, columns), columns, { underline: true });
}
