import type { SessionInfo, TransferView } from "../../src/control/protocol.ts";
import { agoText, bar, percentText, rateText, sizeText, spanText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { sessionItems, transferItems } from "../lists.ts";
import type { Model } from "../model.ts";
import { type Line, sized, span } from "../text.ts";
import { type CellText, type Column, drawTable, plural } from "./parts.ts";
import { drawSummary } from "./summary.ts";

/** Faster or slower than a minute: an idle session is worth a look. */
const IDLE_MS = 60_000;

export function drawSessions(frame: Frame, model: Model): void {
  const list = model.sessionList ?? [];
  const moving = list.reduce((sum, { transfers }) => sum + transfers.length, 0);
  const waiting = list.filter(({ state }) => state === "waiting").length;
  drawSummary(
    frame,
    model,
    [
      ["", plural(list.length, "session")],
      ["", plural(moving, "transfer")],
      ...(waiting === 0 ? [] : [["waiting for a place", `${waiting}`] as const]),
    ],
    { filter: model.sessions.filter },
  );
  const wide = frame.columns >= 110;
  const items = sessionItems(model);
  drawTable(frame, model, {
    columns: SESSION_COLUMNS(wide),
    row: (index) => {
      const item = items[index];
      if (item === undefined) return undefined;
      if (item.transfer === undefined) return sessionCells(item.session, model.now, wide);
      return undefined;
    },
    line: (index) => {
      const transfer = items[index]?.transfer;
      return transfer && [span("   "), ...transferLine(transfer, frame.columns - 4)];
    },
    count: items.length,
    cursor: model.sessions.cursor,
    empty: emptyText(model, model.sessions.filter, "Nobody is connected."),
  });
}

function emptyText({ sessionList }: Model, filter: string, nothing: string): string {
  if (sessionList === null) return "Loading …";
  return filter === "" ? nothing : `Nothing here contains “${filter}”: Esc shows all.`;
}

const SESSION_COLUMNS = (wide: boolean): Column[] => [
  { title: "USER", width: wide ? 20 : 14 },
  { title: "ADDRESS", width: wide ? 28 : 21 },
  { title: "CLIENT", width: 0 },
  { title: "SINCE", width: 11, align: "right" },
  { title: "IDLE", width: 8, align: "right" },
];

function sessionCells(session: SessionInfo, now: number, wide: boolean): CellText[] {
  const { user, remote, client, since, idle, state } = session;
  const waiting = state === "waiting";
  return [
    [user, { bold: true }],
    remote,
    waiting ? ["waits for a free place", { fg: "yellow" }] : client,
    wide ? agoText(since, now) : spanText(now - since),
    idle === null ? "-" : [spanText(idle), idle >= IDLE_MS ? { fg: "yellow" } : {}],
  ];
}

/** A transfer in one line: direction, path, bar, percent, rate, time left. */
function transferLine(transfer: TransferView, columns: number): Line {
  const { path, direction, bytesPerSecond } = transfer;
  const tail = progress(transfer, columns >= 100 ? 20 : 10);
  const rest = 1 + 1 + 10 + 1 + 8 + 1 + tail.columns + 1;
  return [
    span(direction === "upload" ? "↑ " : "↓ ", { fg: "cyan", bold: true }),
    span(sized(path, Math.max(4, columns - rest), "start")),
    span(" "),
    ...tail.line,
    span(sized(rateText(bytesPerSecond), 11, "right")),
    span(sized(etaText(transfer), 8, "right")),
  ];
}

/** A bar and a percent where the size is known, else how much was moved. */
function progress({ bytes, size }: TransferView, columns: number): { line: Line; columns: number } {
  const width = columns + 5;
  if (size === null || size === 0) {
    return { line: [span(sized(sizeText(bytes), width, "right"))], columns: width };
  }
  const part = Math.min(1, bytes / size);
  const text = percentText(part).padStart(5);
  return { line: [span(bar(part, columns), { fg: "cyan" }), span(text)], columns: width };
}

/** Time left; empty when the size is not known. */
function etaText({ bytes, size, bytesPerSecond }: TransferView): string {
  if (size === null || bytesPerSecond <= 0) return "";
  return spanText((Math.max(0, size - bytes) / bytesPerSecond) * 1000);
}

export function drawTransfers(frame: Frame, model: Model): void {
  const items = transferItems(model);
  const rate = (direction: "upload" | "download") =>
    items
      .filter(({ transfer }) => transfer.direction === direction)
      .reduce((sum, { transfer }) => sum + transfer.bytesPerSecond, 0);
  drawSummary(
    frame,
    model,
    [
      ["", plural(items.length, "transfer")],
      ["↑ up", rateText(rate("upload"))],
      ["↓ down", rateText(rate("download"))],
    ],
    { filter: model.transfers.filter },
  );
  const wide = frame.columns >= 110;
  const columns = transferColumns(wide);
  drawTable(frame, model, {
    columns,
    row: (index) => {
      const item = items[index];
      return item && transferCells(item.session.user, item.transfer, wide);
    },
    count: items.length,
    cursor: model.transfers.cursor,
    empty: emptyText(model, model.transfers.filter, "Nothing is being transferred."),
  });
}

function transferColumns(wide: boolean): Column[] {
  return [
    { title: "USER", width: wide ? 16 : 10 },
    { title: "", width: 1 },
    { title: "PATH", width: 0, align: "start" },
    { title: "PROGRESS", width: wide ? 25 : 15 },
    { title: "MOVED", width: 8, align: "right" },
    ...(wide ? [{ title: "SIZE", width: 8, align: "right" as const }] : []),
    { title: "RATE", width: 10, align: "right" },
    { title: "LEFT", width: 7, align: "right" },
  ];
}

function transferCells(user: string, transfer: TransferView, wide: boolean): CellText[] {
  const { size, bytes } = transfer;
  const columns = wide ? 20 : 10;
  const known = size !== null && size > 0;
  const part = known ? Math.min(1, bytes / size) : 0;
  const shown: Line = known
    ? [span(bar(part, columns), { fg: "cyan" }), span(percentText(part).padStart(5))]
    : [span("size unknown")];
  return [
    [user, { bold: true }],
    [transfer.direction === "upload" ? "↑" : "↓", { fg: "cyan", bold: true }],
    transfer.path,
    shown,
    sizeText(bytes),
    ...(wide ? [size === null ? "-" : sizeText(size)] : []),
    rateText(transfer.bytesPerSecond),
    etaText(transfer),
  ];
}
