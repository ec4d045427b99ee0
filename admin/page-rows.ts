import { limitTexts, trashKeepText } from "../src/auth/login-limits-text.ts";
import type {
  AccessView,
  CountingRule,
  KeyInfo,
  SessionInfo,
  TrafficTotal,
  TransferView,
} from "../src/control/protocol.ts";
import type { AuditRecord } from "../src/store/types.ts";
import { dateText } from "../src/text/figures.ts";
import {
  agoText,
  clientText,
  groupedText,
  percentText,
  rateText,
  secondText,
  share,
  sizeText,
  spanText,
} from "./format.ts";
import type {
  FolderDialog,
  GroupDialog,
  Model,
  PageDialog,
  SessionDialog,
  TotalsDialog,
  UserDialog,
} from "./model.ts";
import { type Fact, fact, type PageRow, pageRoom, section, wrapped } from "./page-parts.ts";
import { roundQuota } from "./quota.ts";
import { recordText } from "./records.ts";
import { authoritiesRows, receiversRows, recordsRows, trashRows } from "./service-rows.ts";
import { limitsInForce, quotaOrigin } from "./standing.ts";
import { plural } from "./text.ts";

/** What a page shows, row by row: derived from the model, for keys and for drawing. */

export function pageRows(model: Model, page: PageDialog): readonly PageRow[] {
  const room = pageRoom(model);
  return wholeRows(model, page).flatMap((row): readonly PageRow[] =>
    row.kind === "fact" ? wrapped(row, room) : [row],
  );
}

/** The rows of the page before they are broken: a fact has one row, however long its text is. */
function wholeRows(model: Model, page: PageDialog): readonly PageRow[] {
  switch (page.kind) {
    case "user":
      return userRows(model, page);
    case "group":
      return groupRows(model, page);
    case "folder":
      return folderRows(page);
    case "session":
      return sessionRows(model, page);
    case "totals":
      return totalsRows(page);
    case "trash":
      return trashRows(model, page);
    case "records":
      return recordsRows(page);
    case "authorities":
      return authoritiesRows(model, page);
    case "receivers":
      return receiversRows(model, page);
  }
}

function stored(usedBytes: number, quotaBytes: number | null, from: string): Fact {
  const more = `of ${roundQuota(quotaBytes)}${from === "" ? "" : ` (${from})`}`;
  return { ...fact("Stored", sizeText(usedBytes), more), part: share(usedBytes, quotaBytes) };
}

function filesFact(files: number, most: number | null): Fact {
  return fact("Files", groupedText(files), most === null ? "" : `of ${groupedText(most)}`);
}

function userRows(model: Model, page: UserDialog): readonly PageRow[] {
  const { user, keys, access } = page;
  if (user === null) return [{ kind: "loading" }];
  const { now } = model;
  const sessions = (model.sessionList ?? []).filter((one) => one.user === page.name);
  return [
    ...userFacts(page, now),
    { kind: "blank" },
    ...section("Groups", "none", user.groups, (name) => ({
      item: { kind: "group", name },
      cells: [name],
    })),
    ...accessRows(page.name, access, "none: all is allowed at home"),
    ...section("Public keys", "none", keys, (key) => ({
      item: { kind: "key", key },
      cells: [key.fingerprint, keyText(key, now)],
    })),
    ...section("Sessions", "none", sessions, (session) => sessionRow(session, now)),
    ...section("Last transfers", "none", lastTransfers(page), (record) => ({
      item: { kind: "record", record },
      cells: [agoText(record.at, now), record.kind, recordText(record)],
    })),
  ];
}

/** What stands beside its fingerprint: that it is over comes first, what it may not do last. */
export function keyText({ comment, algorithm, options, expiresAt }: KeyInfo, now: number): string {
  const isOver = expiresAt !== null && expiresAt <= now;
  const end = expiresAt === null ? "" : `${isOver ? "expired" : "until"} ${dateText(expiresAt)}`;
  const name = comment === "" ? algorithm : comment;
  const shown = isOver ? [end, name, options] : [name, end, options];
  return shown.filter((one) => one !== "").join("  ");
}

function userFacts({ user }: UserDialog, now: number): readonly Fact[] {
  if (user === null) return [];
  const { lastLoginAt, createdAt } = user;
  const ago = lastLoginAt === null ? "" : `(${agoText(lastLoginAt, now)})`;
  const limits = limitsInForce(user, now);
  return [
    fact("Role", user.role, user.enabled ? "(enabled)" : "(disabled)"),
    fact("Password", user.hasPassword ? "set" : "none", user.hasPassword ? "" : "(keys only)"),
    fact("Second factor", user.hasFactor ? "set up" : "none"),
    stored(user.usedBytes, user.quotaBytes, quotaOrigin(user)),
    filesFact(user.files, user.quotaFiles),
    fact("Last login", dateText(lastLoginAt), ago),
    fact("Created", dateText(createdAt)),
    ...(limits.length === 0 ? [fact("Limits", "none", "(on logins)")] : []),
    ...limits.map(({ label, text, from }) => fact(label, text, `(${from})`)),
  ];
}

function sessionRow(session: SessionInfo, now: number) {
  const { remote, client, since, transfers } = session;
  const moving = transfers.length === 0 ? "" : `${transfers.length} moving`;
  const cells = [remote, agoText(since, now), clientText(client), moving];
  return { item: { kind: "session", session }, cells } as const;
}

function sessionRows({ now }: Model, { session, ended }: SessionDialog): readonly PageRow[] {
  const { user, role, remote, client, state, since, idle, transfers } = session;
  return [
    fact("User", user, `(${role})`),
    fact("Address", remote),
    fact("Client", client),
    fact("State", ended ? "ended" : state),
    fact("Since", secondText(since), `(${agoText(since, now)})`),
    fact(
      "Idle",
      idle === null ? "unknown" : spanText(idle),
      idle === null ? "in another process" : "",
    ),
    ...(session.machine === undefined ? [] : [fact("Machine", session.machine)]),
    { kind: "blank" },
    ...section("Transfers", "none", ended ? [] : transfers, transferRow),
  ];
}

function transferRow(transfer: TransferView) {
  const { direction, path, bytes, size, bytesPerSecond } = transfer;
  const of = size === null ? "" : `of ${sizeText(size)}`;
  const part = size === null || size === 0 ? "" : percentText(Math.min(1, bytes / size));
  const arrow = direction === "upload" ? "↑" : "↓";
  const cells = [arrow, part, `${sizeText(bytes)} ${of}`, rateText(bytesPerSecond), path];
  return { item: { kind: "transfer", transfer }, cells } as const;
}

function totalsRows({ name, byDay, byUser }: TotalsDialog): readonly PageRow[] {
  if (byDay === null) return [{ kind: "loading" }];
  const days = section("By day", "nothing", byDay, (total) => ({
    item: { kind: "day" } as const,
    cells: totalCells(total),
  }));
  if (name !== "") return days;
  const users = section("By user", "nothing", byUser ?? [], (total) => ({
    item: { kind: "member", name: total.key } as const,
    cells: totalCells(total),
  }));
  return [...users, { kind: "blank" }, ...days];
}

function totalCells(total: TrafficTotal): readonly string[] {
  const { key, uploads, uploadBytes, downloads, downloadBytes } = total;
  const up = `↑ ${sizeText(uploadBytes).padStart(7)} in ${plural(uploads, "file")}`;
  return [key, up, `↓ ${sizeText(downloadBytes).padStart(7)} in ${plural(downloads, "file")}`];
}

/** Newest first. */
function lastTransfers({ uploads, downloads }: UserDialog): readonly AuditRecord[] {
  return [...uploads, ...downloads].sort((a, b) => b.id - a.id).slice(0, 5);
}

/** Folders and rules: of a user all that count, of a group its own. @param of whose page it is */
function accessRows(of: string, access: AccessView | null, none: string): readonly PageRow[] {
  const counting = access?.counting ?? [];
  const waiting = access === null ? "…" : undefined;
  const folders = counting.flatMap((rule) => {
    const { folder } = rule;
    return folder === null ? [] : [{ ...rule, folder }];
  });
  const rules = counting.filter(({ folder }) => folder === null);
  return [
    ...section("Folders", waiting ?? "none", folders, (rule) => ({
      item: { kind: "folder", rule },
      cells: [rule.folder, rule.path, rule.access, ruleOrigin(rule, of)],
    })),
    ...section("Access rules", waiting ?? none, rules, (rule) => ({
      item: { kind: "rule", rule },
      cells: [rule.path, rule.access, ruleOrigin(rule, of)],
    })),
  ];
}

function ruleOrigin(rule: CountingRule, of: string): string {
  return rule.of === of ? "own" : `of group ${rule.of.slice(1)}`;
}

function groupRows({ now }: Model, page: GroupDialog): readonly PageRow[] {
  const { group, members, access } = page;
  if (group === null) return [{ kind: "loading" }];
  const { hasQuota, quotaBytes, createdAt } = group;
  const limits = limitTexts(group, now);
  return [
    hasQuota
      ? fact("Quota", roundQuota(quotaBytes), "(of members without their own)")
      : fact("Quota", "not said", "(members have their own, or the default)"),
    fact("Created", dateText(createdAt)),
    ...(limits.length === 0 ? [fact("Limits", "none", "(on logins)")] : []),
    ...limits.map(([label, text]) => fact(label, text)),
    { kind: "blank" },
    ...section("Members", "none", members, (name) => ({
      item: { kind: "member", name },
      cells: [name],
    })),
    ...accessRows(`@${page.name}`, access, "none"),
  ];
}

function folderRows({ folder }: FolderDialog): readonly PageRow[] {
  if (folder === null) return [{ kind: "loading" }];
  const { usedBytes, quotaBytes, files, quotaFiles, trashKeep, createdAt, shares } = folder;
  return [
    stored(usedBytes, quotaBytes, ""),
    filesFact(files, quotaFiles),
    trashKeep === null
      ? fact("Trash keeps", "as the settings say")
      : fact("Trash keeps", trashKeepText(trashKeep)),
    fact("Created", dateText(createdAt)),
    { kind: "blank" },
    ...section("Shared with", "nobody", shares, (one) => ({
      item: { kind: "share", share: one },
      cells: [one.to, one.at, one.access],
    })),
  ];
}
