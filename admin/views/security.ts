import type { Ban, FailedLogins, Penalty } from "../../src/control/protocol.ts";
import { widest } from "../columns.ts";
import { agoText, groupedText, spanText } from "../format.ts";
import type { Frame } from "../frame.ts";
import { addressOf, securityItems } from "../lists.ts";
import type { Model } from "../model.ts";
import { plural } from "../text.ts";
import { type CellText, drawTable } from "./parts.ts";
import { drawSummary } from "./summary.ts";

export function drawSecurity(frame: Frame, model: Model): void {
  const { security, now } = model;
  const items = securityItems(model);
  const addresses = items.map(addressOf);
  const failures = security?.failures.length ?? 0;
  drawSummary(frame, model, {
    texts: [
      ["", plural(security?.bans.length ?? 0, "ban", "bans")],
      ["", plural(security?.penalties.length ?? 0, "penalty", "penalties")],
      ["failed logins from", plural(failures, "address", "addresses")],
    ],
  });
  drawTable(frame, model, {
    columns: [
      { title: "ADDRESS", width: widest(addresses, 15, 24), most: widest(addresses, 15, 48) },
      { title: "STATE", width: 16 },
      { title: "FAILED", width: 6, align: "right" },
      { title: "LAST", width: 8, align: "right" },
      { title: "WHAT", width: 0 },
    ],
    row: (index) => {
      const item = items[index];
      if (item === undefined) return undefined;
      if (item.kind === "ban") return banCells(item.ban, now);
      return item.kind === "penalty"
        ? penaltyCells(item.penalty, now)
        : failureCells(item.failures, now);
    },
    count: items.length,
    cursor: model.securityCursor,
    empty: security === null ? "Loading …" : "No address is refused, and no login failed lately.",
  });
}

function banCells({ network, reason, actor, since, until }: Ban, now: number) {
  const cells: CellText[] = [
    [network, { bold: true }],
    [until === null ? "banned" : `banned ${spanText(until - now)}`, { fg: "red", bold: true }],
    "",
    agoText(since, now),
    reason === "" ? `by ${actor}` : `${reason} (by ${actor})`,
  ];
  return cells;
}

function penaltyCells({ address, reason, failures, since, until, lastUser }: Penalty, now: number) {
  const cells: CellText[] = [
    [address, { bold: true }],
    [`refused ${spanText(until - now)}`, { fg: "red", bold: true }],
    groupedText(failures),
    agoText(since, now),
    lastUser === "" ? reason : `${reason} (${lastUser})`,
  ];
  return cells;
}

function failureCells({ address, failures, users, lastAt }: FailedLogins, now: number) {
  const cells: CellText[] = [
    address,
    "failed logins",
    groupedText(failures),
    agoText(lastAt, now),
    `as ${users.join(", ")}`,
  ];
  return cells;
}
