import type { SessionInfo, TransferView } from "../../src/control/protocol.ts";
import { widest } from "../columns.ts";
import { agoText, clientText, percentText, rateText, sizeText, spanText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { sessionItems, transferItems } from "../lists.ts";
import type { Model } from "../model.ts";
import { type Line, plural, sized, span } from "../text.ts";
import { type CellText, type Column, drawTable, gauge } from "./parts.ts";
import { drawSummary } from "./summary.ts";

/** Faster or slower than a minute: an idle session is worth a look. */
const IDLE_MS = 60_000;

export function drawSessions(frame: Frame, model: Model): void {
  const list = model.sessionList ?? [];
  const moving = list.reduce((sum, { transfers }) => sum + transfers.length, 0);
  const waiting = list.filter(({ state }) => state === "waiting").length;
  drawSummary(frame, model, {
    texts: [
      ["", plural(list.length, "session")],
      ["", plural(moving, "transfer")],
      ...(waiting === 0 ? [] : [["waiting for a place", `${waiting}`] as const]),
    ],
  });
  const items = sessionItems(model);
  drawTable(frame, model, {
    columns: sessionColumns(list),
    row: (index) => {
      const item = items[index];
      if (item === undefined) return undefined;
      if (item.transfer === undefined) return sessionCells(item.session, model.now);
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

function sessionColumns(list: readonly SessionInfo[]): readonly Column[] {
  const users = list.map(({ user }) => user);
  const addresses = list.map(({ remote }) => remote);
  // All have one where there are several machines, else none.
  const machines = list.flatMap(({ machine = [] }) => machine);
  return [
    { title: "USER", width: widest(users, 8, 16), most: widest(users, 8, 32) },
    { title: "ADDRESS", width: widest(addresses, 15, 21), most: widest(addresses, 15, 48) },
    ...(machines.length > 0 ? [{ title: "MACHINE", width: widest(machines, 8, 12) }] : []),
    { title: "CLIENT", width: 0 },
    { title: "UP", width: 10, spare: 1, align: "right" },
    { title: "DOWN", width: 10, spare: 1, align: "right" },
    { title: "SINCE", width: 8, align: "right" },
    { title: "IDLE", width: 7, align: "right" },
  ];
}

function sessionCells(session: SessionInfo, now: number): CellText[] {
  const { user, remote, machine, client, since, idle, state, transfers } = session;
  const waiting = state === "waiting";
  return [
    [user, { bold: true }],
    remote,
    ...(machine === undefined ? [] : [machine]),
    waiting ? ["waits for a free place", { fg: "yellow" }] : clientText(client),
    rateOf(transfers, "upload"),
    rateOf(transfers, "download"),
    agoText(since, now),
    idle === null ? "-" : [spanText(idle), idle >= IDLE_MS ? { fg: "yellow" } : {}],
  ];
}

function rateOf(transfers: readonly TransferView[], direction: TransferView["direction"]): string {
  const moving = transfers.filter((one) => one.direction === direction);
  if (moving.length === 0) return "-";
  return rateText(moving.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0));
}

/** A transfer in one line: direction, path, bar, percent, rate, time left. */
function transferLine(transfer: TransferView, columns: number): Line {
  const { path, direction, bytesPerSecond } = transfer;
  const tail = progress(transfer, columns >= 100 ? 20 : 10);
  const rest = 1 + 1 + 10 + 1 + 8 + 1 + tail.columns + 1;
  return [
    span(direction === "upload" ? "↑ " : "↓ ", { fg: "cyan", bold: true }),
    span(sized(path, Math.max(4, columns - rest), "start")),
    span(" ", { gauge: true }),
    ...tail.line,
    span(sized(rateText(bytesPerSecond), 11, "right")),
    span(sized(etaText(transfer), 8, "right")),
  ];
}

/** A bar and a percent where the size is known, else how far it is. */
function progress(transfer: TransferView, columns: number): { line: Line; columns: number } {
  const { bytes, size } = transfer;
  const width = columns + 5;
  if (size === null || size === 0) {
    return { line: [span(sized(sizeText(bytes), width, "right"))], columns: width };
  }
  return { line: progressBar(transfer, width), columns: width };
}

/** Time left; empty when the size is not known. */
function etaText({ bytes, size, bytesPerSecond }: TransferView): string {
  if (size === null || bytesPerSecond <= 0) return "";
  return spanText((Math.max(0, size - bytes) / bytesPerSecond) * 1000);
}

export function drawTransfers(frame: Frame, model: Model): void {
  const items = transferItems(model);
  const all = items.map(({ transfer }) => transfer);
  drawSummary(frame, model, {
    of: "transfers",
    texts: [
      ["↑ up", rateOf(all, "upload")],
      ["↓ down", rateOf(all, "download")],
    ],
  });
  drawTable(frame, model, {
    columns: transferColumns(items.map(({ session }) => session.user)),
    row: (index) => {
      const item = items[index];
      return item && transferCells(item.session.user, item.transfer);
    },
    count: items.length,
    cursor: model.transfers.cursor,
    empty: emptyText(model, model.transfers.filter, "Nothing is being transferred."),
  });
}

function transferColumns(users: readonly string[]): readonly Column[] {
  return [
    { title: "USER", width: widest(users, 8, 12), most: widest(users, 8, 32) },
    { title: "", width: 1 },
    { title: "PATH", width: 0, align: "start" },
    { title: "PROGRESS", width: 13, most: 25 },
    { title: "MOVED", width: 8, align: "right" },
    { title: "SIZE", width: 8, spare: 1, align: "right" },
    { title: "RATE", width: 9, align: "right" },
    { title: "LEFT", width: 7, align: "right" },
  ];
}

function transferCells(user: string, transfer: TransferView): CellText[] {
  const { size, bytes } = transfer;
  return [
    [user, { bold: true }],
    [transfer.direction === "upload" ? "↑" : "↓", { fg: "cyan", bold: true }],
    transfer.path,
    (width) => progressBar(transfer, width),
    sizeText(bytes),
    size === null ? "-" : sizeText(size),
    rateText(transfer.bytesPerSecond),
    etaText(transfer),
  ];
}

/** A bar and a percent in so many columns, where the size is known. */
function progressBar({ bytes, size }: TransferView, columns: number): Line {
  if (size === null || size === 0) return [span(sized("size unknown", columns))];
  const part = Math.min(1, bytes / size);
  return [...gauge(part, columns - 5), span(percentText(part).padStart(4))];
}
