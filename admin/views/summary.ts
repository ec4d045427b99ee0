import type { Frame } from "../frame.ts";
import type { Editor, Model } from "../model.ts";
import { clipLine, clipStart, ends, type Line, padLine, safe, span } from "../text.ts";
import { BODY, pairs } from "./parts.ts";

/** The first line of a view: what is listed, and by which filter; the filter can be typed here. */
export function drawSummary(
  frame: Frame,
  model: Model,
  texts: readonly (readonly [string, string])[],
  { filter, right = [] }: { filter?: string; right?: Line },
): void {
  const left: Line = [span(" "), ...pairs(...texts)];
  let end: Line = right;
  if (model.typing !== null) {
    end = [span("Filter: "), ...editorLine(model.typing, 30, false)];
  } else if (filter !== undefined && filter !== "") {
    end = [span("Filter: "), span(filter, { bold: true }), span("  (Esc shows all) ")];
  }
  frame.put(0, BODY, ends(left, end, frame.columns));
}

/** Text being typed, with a cursor, in exactly so many columns. */
export function editorLine(editor: Editor, columns: number, hidden: boolean): Line {
  const text = hidden ? "•".repeat([...editor.text].length) : editor.text;
  const at = hidden ? [...editor.text.slice(0, editor.at)].length : editor.at;
  const under = [...text.slice(at)][0] ?? "";
  const before = clipStart(safe(text.slice(0, at)), columns - 1);
  const cursor = { reverse: true };
  const shown: Line = [
    span(before, { underline: true }),
    span(under === "" ? " " : under, cursor),
    span(text.slice(at + under.length), { underline: true }),
  ];
  return padLine(clipLine(shown, columns), columns, { underline: true });
}
