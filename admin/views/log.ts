import { widest } from "../columns.ts";
import { BACKS } from "../dialogs.ts";
import { secondText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { listRows } from "../lists.ts";
import { MAX_RECORDS, type Model } from "../model.ts";
import { kindColour, recordText } from "../records.ts";
import { span } from "../text.ts";
import { drawTable } from "./parts.ts";
import { drawSummary } from "./summary.ts";

export function drawLog(frame: Frame, model: Model): void {
  const { log } = model;
  const back = BACKS.find(([, ms]) => ms === log.back)?.[0] ?? "";
  drawSummary(frame, model, {
    of: log.records.length < MAX_RECORDS ? "records" : "newest records",
    texts: [
      ...(log.user === "" ? [] : [["user", log.user] as const]),
      ...(log.kind === "" ? [] : [["kind", log.kind] as const]),
      ...(log.back === 0 ? [] : [["last", back] as const]),
    ],
    right: [span(log.follow ? " following " : " f follows ", { bold: log.follow })],
  });
  const shown = log.records.slice(log.cursor.top, log.cursor.top + listRows(model));
  const users = shown.map(({ user = "" }) => user);
  const kinds = shown.map(({ kind }) => kind);
  drawTable(frame, model, {
    columns: [
      { title: "TIME", width: 19 },
      { title: "KIND", width: widest(kinds, 8, 15) },
      { title: "USER", width: widest(users, 8, 12), most: widest(users, 8, 20) },
      { title: "WHAT", width: 0 },
    ],
    row: (index) => {
      const record = log.records[index];
      if (record === undefined) return undefined;
      const { at, kind, user } = record;
      const colour = kindColour(kind);
      return [
        secondText(at),
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
