import { clockText, dateText } from "../../src/text/figures.ts";
import { BACKS } from "../dialogs.ts";
import type { Frame } from "../frame.ts";
import type { Model } from "../model.ts";
import { kindColour, recordText } from "../records.ts";
import { span } from "../text.ts";
import { drawTable, plural } from "./parts.ts";
import { drawSummary } from "./summary.ts";

export function drawLog(frame: Frame, model: Model): void {
  const { log } = model;
  const back = BACKS.find(([, ms]) => ms === log.back)?.[0] ?? "";
  drawSummary(
    frame,
    model,
    [
      ["", plural(log.records.length, "record")],
      ...(log.user === "" ? [] : [["user", log.user] as const]),
      ...(log.kind === "" ? [] : [["kind", log.kind] as const]),
      ...(log.back === 0 ? [] : [["last", back] as const]),
    ],
    { right: [span(log.follow ? "following " : "f follows ", { bold: log.follow })] },
  );
  const wide = frame.columns >= 110;
  drawTable(frame, model, {
    columns: [
      { title: "TIME", width: wide ? 19 : 14 },
      { title: "KIND", width: 15 },
      { title: "USER", width: wide ? 20 : 12 },
      { title: "WHAT", width: 0 },
    ],
    row: (index) => {
      const record = log.records[index];
      if (record === undefined) return undefined;
      const { at, kind, user } = record;
      const colour = kindColour(kind);
      const seconds = clockText(at);
      return [
        wide
          ? `${dateText(at).slice(0, 10)} ${seconds}`
          : `${dateText(at).slice(5, 10)} ${seconds}`,
        [kind, colour === undefined ? {} : { fg: colour }],
        [user ?? "", { bold: true }],
        recordText(record),
      ];
    },
    count: log.records.length,
    cursor: log.cursor,
    empty: log.loaded ? "Nothing in the log fits: Esc shows everything." : "Loading …",
  });
}
