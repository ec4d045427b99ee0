import type { Frame } from "../frame.ts";
import { helpLines } from "../help.ts";
import { listRows } from "../lists.ts";
import type { Cursor, Model } from "../model.ts";
import { type Line, sized, span } from "../text.ts";
import { BODY } from "./parts.ts";
import { drawSummary } from "./summary.ts";

/** A view that is only read: its lines scroll. */

export function drawHelp(frame: Frame, model: Model): void {
  const lines = helpLines(model).map(([keys, what]): Line => {
    if (keys === "") return [span(` ${what}`, { bold: true, underline: true })];
    return [span(`   ${sized(keys, 26)}`, { bold: true }), span(` ${what}`)];
  });
  const top = model.helpCursor.index;
  const end = Math.min(lines.length, top + listRows(model));
  drawSummary(frame, model, {
    texts: [
      ["", lines.length === 0 ? "No key" : `Keys, lines ${top + 1}–${end} of ${lines.length}`],
    ],
  });
  drawScrolled(frame, model, model.helpCursor, lines);
}

function drawScrolled(frame: Frame, model: Model, { index }: Cursor, lines: readonly Line[]): void {
  const rows = listRows(model);
  lines.slice(index, index + rows).forEach((line, at) => {
    frame.put(0, BODY + 2 + at, line);
  });
}
