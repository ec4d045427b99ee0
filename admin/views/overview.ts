import type { LoopDelay, Overview } from "../../src/control/protocol.ts";
import type { AuditRecord } from "../../src/store/types.ts";
import { clockText } from "../../src/text/figures.ts";
import { bar, countText, groupedText, share, sizeText, spanText } from "../format.ts";
import type { Frame } from "../frame.ts";
import type { Model } from "../model.ts";
import { kindColour, recordText } from "../records.ts";
import { clipLine, fittingParts, type Line, plural, safe, sized, span } from "../text.ts";
import { type Curve, drawGraph, timeMarks } from "./graph.ts";
import { BODY, pairs, quotaBar } from "./parts.ts";

const RECEIVED: Curve = { title: "Received", fg: "cyan", of: ({ bytesIn }) => bytesIn };
const SENT: Curve = { title: "Sent", fg: "green", of: ({ bytesOut }) => bytesOut };

export function drawOverview(frame: Frame, model: Model): void {
  const { overview } = model;
  if (overview === null) {
    frame.put(1, BODY, [span("Loading …")]);
    return;
  }
  stateLines(overview, model).forEach((line, at) => {
    frame.put(1, BODY + at, line, frame.columns - 2);
  });
  const failing = failingLine(overview);
  if (failing !== undefined) frame.put(1, BODY + 3, failing, frame.columns - 2);
  const height = frame.rows - BODY - 2;
  const rows = Math.max(3, Math.floor((height - 4 - 2 - 3) / 4));
  const top = BODY + 4;
  drawGraph(frame, top, rows, RECEIVED, overview.samples);
  drawGraph(frame, top + rows + 1, rows, SENT, overview.samples);
  const below = top + 2 * (rows + 1);
  frame.put(1, below, timeMarks(frame), frame.columns - 2);
  drawLists(frame, overview, below + 1, frame.rows - 2);
}

/** The lines at the top. What matters most is first, and a part without room is left out as a whole. */
function stateLines(overview: Overview, { now, link, columns }: Model): Line[] {
  const parts = [serverParts(overview, now, link.up), sessionParts(overview), diskParts(overview)];
  return parts.map((line) => fittingParts(line, columns - 2));
}

function serverParts(overview: Overview, now: number, isUp: boolean): Line[] {
  const { stopping, loopDelay } = overview;
  const state = !isUp ? "gone" : stopping ? "stopping" : "running";
  const green = state === "running" ? "green" : "red";
  return [
    [span("Server   "), span(state, { bold: true, fg: green })],
    pair("up", spanText(now - overview.startedAt)),
    pair("on", overview.listen),
    // A server of an older version doesn't tell.
    ...(loopDelay === undefined ? [] : [pair("delay", delayText(loopDelay))]),
    pair("pid", `${overview.pid}`),
    pair("node", overview.node.slice(0, 8)),
  ];
}

function sessionParts({ sessions, users, memoryBytes }: Overview): Line[] {
  const waiting = sessions.waiting === 0 ? "" : ` (${sessions.waiting} waiting)`;
  const text = ` ${groupedText(sessions.active)} of ${groupedText(sessions.max)}${waiting}`;
  return [
    [
      span("Sessions "),
      span(bar(share(sessions.active, sessions.max) ?? 0, 10), { fg: "cyan" }),
      span(text, { bold: true }),
    ],
    pair("users", groupedText(users)),
    pair("memory", sizeText(memoryBytes)),
  ];
}

function diskParts({ disk, totals }: Overview): Line[] {
  const used = share(disk.totalBytes - disk.freeBytes, disk.totalBytes) ?? 0;
  const refused = `, ${countText(totals.failedLogins)} failed, ${countText(totals.refusals)} refused`;
  return [
    [
      span("Disk     "),
      span(bar(used, 10), { fg: used >= 0.95 ? "red" : used >= 0.8 ? "yellow" : "cyan" }),
      span(` ${sizeText(disk.freeBytes)} free`, { bold: true }),
      span(` of ${sizeText(disk.totalBytes)}`),
    ],
    ...(disk.full ? [[span("  FULL: new data refused", { bold: true, fg: "red" } as const)]] : []),
    [...pair("logins", countText(totals.logins)), span(refused)],
  ];
}

function pair(label: string, value: string): Line {
  return [span("   "), ...pairs([label, value])];
}

/** The receiver of events that fails, with how many others do. Servers of an older version don't tell. */
function failingLine({ failingReceivers = [] }: Partial<Overview>): Line | undefined {
  const [first, ...others] = failingReceivers;
  if (first === undefined) return undefined;
  const more = others.length === 0 ? "" : ` and ${plural(others.length, "other")}`;
  const wait = `${groupedText(first.queued)} wait`;
  const text = `${first.name}${more} fail${others.length === 0 ? "s" : ""}`;
  return [
    span("Events   "),
    span(safe(text), { bold: true, fg: "red" }),
    span(safe(`  ${wait}, E shows more: ${first.lastError}`)),
  ];
}

/** What one in a hundred moments of the last minute made people wait. */
function delayText({ p99Ms }: LoopDelay): string {
  return `${Math.round(p99Ms)} ms`;
}

/** On the left the users and folders with most stored, on the right what happened last. */
function drawLists(frame: Frame, overview: Overview, top: number, end: number): void {
  const left = Math.min(48, Math.floor(frame.columns * 0.45));
  const right = frame.columns - left - 3;
  const title = { bold: true, underline: true };
  frame.put(1, top, [span(sized("Most used", left), title)]);
  frame.put(left + 2, top, [span(sized("Last events", right), title)]);
  const rows = Math.max(0, end - top - 1);
  // A server of an older version doesn't tell.
  const { mostUsed = [] }: Partial<Overview> = overview;
  mostUsed.slice(0, rows).forEach((one, at) => {
    const name = left - 8 - 14 - 2;
    frame.put(
      1,
      top + 1 + at,
      [
        span(`${sized(one.name, name)} `, { bold: true }),
        span(`${sized(sizeText(one.usedBytes), 8, "right")} `),
        ...quotaBar(share(one.usedBytes, one.quotaBytes), 14),
      ],
      left,
    );
  });
  overview.events.slice(rows === 0 ? overview.events.length : -rows).forEach((record, at) => {
    frame.put(left + 2, top + 1 + at, clipLine(eventLine(record), right));
  });
}

function eventLine(record: AuditRecord): Line {
  const colour = kindColour(record.kind);
  return [
    span(`${clockText(record.at)} `),
    span(record.kind, colour === undefined ? {} : { fg: colour }),
    span(record.user === undefined ? " " : ` ${record.user} `, { bold: true }),
    span(recordText(record)),
  ];
}
