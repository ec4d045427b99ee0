import type { SettingInfo } from "../../src/control/protocol.ts";
import { widest } from "../columns.ts";
import type { Frame } from "../frame.ts";
import { hostKeyLines, shownSettings } from "../lists.ts";
import type { Model } from "../model.ts";
import { bold, sized, span } from "../text.ts";
import { BODY, type CellText, drawTable } from "./parts.ts";
import { drawSummary } from "./summary.ts";

/** The host keys, and below them the settings, which can be changed. */
export function drawSettings(frame: Frame, model: Model): void {
  const settings = shownSettings(model);
  const names = settings.map(({ name }) => name);
  drawSummary(frame, model, { of: "settings" });
  drawHostKeys(frame, model);
  drawTable(frame, model, {
    columns: [
      { title: "SETTING", width: widest(names, 15, 28), most: widest(names, 15, 40) },
      { title: "VALUE", width: 0 },
      { title: "FROM", width: 15, most: 30 },
      { title: "CHANGE", width: 7 },
    ],
    row: (index) => settings[index] && cells(settings[index]),
    count: settings.length,
    cursor: model.settingsCursor,
    above: hostKeyLines(model),
    empty: model.settings === null ? "Loading …" : "No setting is like that.",
  });
}

function drawHostKeys(frame: Frame, { hostKeys }: Model): void {
  frame.put(0, BODY + 1, [bold(" Host keys"), span("   to hand out to who connects")]);
  if (hostKeys === null) frame.put(0, BODY + 2, [span(" Loading …")]);
  hostKeys?.forEach(({ algorithm, sha256 }, at) => {
    frame.put(0, BODY + 2 + at, [span(` ${sized(algorithm, 20)} `), bold(sha256)]);
  });
}

function cells(setting: SettingInfo): readonly CellText[] {
  const { name, source, restart, fixed, waiting } = setting;
  const change = fixed !== "" ? "fixed" : restart ? "restart" : "at once";
  const value = shown(setting.value);
  return [
    name,
    waiting === null
      ? [value, { bold: true }]
      : [`${value}, then ${shown(waiting)}`, { bold: true, fg: "yellow" }],
    // The line is enough: the name is beside it.
    source.replace(/ \(.*\)$/, ""),
    change,
  ];
}

function shown(value: string): string {
  return value === "" ? "-" : value;
}
