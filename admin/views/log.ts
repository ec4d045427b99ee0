import type { AuditRecord } from "../../src/store/types.ts";
import { widest } from "../columns.ts";
import { secondText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { listRows } from "../lists.ts";
import { filterTexts } from "../log-filter.ts";
import type { Model } from "../model.ts";
import { batchText, kindColour } from "../records.ts";
import { plural, span } from "../text.ts";
import { drawTable } from "./parts.ts";
import { drawSummary } from "./summary.ts";

/** Whether columns are made shorter so that there is room for what happened. */
function isNarrow({ columns }: Pick<Frame, "columns">): boolean {
  return columns < 100;
}

const YEAR = "2026-".length;

/** The times of what is shown. Where room is short the year is left out, if it is the present one in all. */
function timesOf(shown: readonly AuditRecord[], frame: Frame, now: number): (at: number) => string {
  const year = secondText(now).slice(0, YEAR);
  const isPresent = shown.every(({ at }) => secondText(at).startsWith(year));
  const from = isNarrow(frame) && isPresent ? YEAR : 0;
  return (at) => secondText(at).slice(from);
}

export function drawLog(frame: Frame, model: Model): void {
  const { log } = model;
  drawSummary(frame, model, {
    of: log.next === null ? "lines" : "newest lines",
    texts: [
      ...(log.count === null ? [] : [["of", plural(log.count, "record")] as const]),
      ...filterTexts(log.filter),
    ],
    right: [span(log.follow ? " following " : " f follows ", { bold: log.follow })],
  });
  const shown = log.lines
    .slice(log.cursor.top, log.cursor.top + listRows(model))
    .map(({ record }) => record);
  const users = shown.map(({ user = "" }) => user);
  const timeText = timesOf(shown, frame, model.now);
  const kinds = shown.map(({ kind }) => kind);
  drawTable(frame, model, {
    columns: [
      { title: "TIME", width: timeText(model.now).length },
      { title: "KIND", width: widest(kinds, 8, 15) },
      {
        title: "USER",
        width: widest(users, 8, 12),
        most: widest(users, 8, isNarrow(frame) ? 12 : 20),
      },
      { title: "WHAT", width: 0 },
    ],
    row: (index) => {
      const line = log.lines[index];
      if (line === undefined) return undefined;
      const { at, kind, user } = line.record;
      const colour = kindColour(kind);
      return [
        timeText(at),
        [kind, colour === undefined ? {} : { fg: colour }],
        [user ?? "", { bold: true }],
        batchText(line),
      ];
    },
    count: log.lines.length,
    cursor: log.cursor,
    empty: log.loaded ? "Nothing in the log fits: Esc shows everything." : "Loading …",
  });
}
