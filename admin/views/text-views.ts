import type { Frame } from "../frame.ts";
import { helpLines } from "../help.ts";
import { listRows, shownSettings } from "../lists.ts";
import type { Cursor, Model } from "../model.ts";
import { bold, type Line, sized, span } from "../text.ts";
import { BODY } from "./parts.ts";
import { drawSummary } from "./summary.ts";

/** Views that are only read: their lines scroll. */

export function drawKeys(frame: Frame, model: Model): void {
  const { hostKeys } = model;
  const settings = shownSettings(model);
  drawSummary(frame, model, {
    texts: [
      ["", "Host keys"],
      ["to hand out to who connects", ""],
    ],
  });
  const lines: Line[] = (hostKeys ?? []).map(({ algorithm, sha256 }) => [
    span(` ${sized(algorithm, 20)} `),
    bold(sha256),
  ]);
  if (hostKeys === null) lines.push([span(" Loading …")]);
  lines.push(
    [],
    [span(" Settings in force", { bold: true }), span("   R reads moorage.toml again")],
    [],
  );
  const wide = Math.max(0, ...settings.map(({ name }) => name.length));
  for (const { name, value, source, restart } of settings) {
    const change = restart ? "after a restart" : "at once";
    const room = frame.columns - wide - 42;
    lines.push([
      span(` ${sized(name, wide)}  `),
      span(sized(value === "" ? "-" : value, Math.max(8, room)), { bold: true }),
      span(`  ${sized(source, 18)} ${change}`),
    ]);
  }
  drawScrolled(frame, model, model.keysCursor, lines);
}

export function drawHelp(frame: Frame, model: Model): void {
  drawSummary(frame, model, {
    texts: [
      ["", "Keys"],
      ["Esc goes back", ""],
    ],
  });
  const lines = helpLines(model.filters.help).map(([keys, what]): Line => {
    if (keys === "") return [span(` ${what}`, { bold: true, underline: true })];
    return [span(`   ${sized(keys, 26)}`, { bold: true }), span(` ${what}`)];
  });
  drawScrolled(frame, model, model.helpCursor, lines);
}

function drawScrolled(frame: Frame, model: Model, { index }: Cursor, lines: readonly Line[]): void {
  const rows = listRows(model);
  lines.slice(index, index + rows).forEach((line, at) => {
    frame.put(0, BODY + 2 + at, line);
  });
}
