import type { SessionInfo, SettingInfo, TransferView } from "../src/control/protocol.ts";
import {
  LISTS,
  type SecurityItem,
  type SessionItem,
  securityItemId,
  securityItems,
  sessionItemId,
  sessionItems,
  transferItems,
} from "./lists.ts";
import { markedNames } from "./marked-forms.ts";
import { chosenOf } from "./marks.ts";
import type { Model, PageDialog } from "./model.ts";
import type { PageItem } from "./page-parts.ts";

// What can be done here and now. The screen offers only that, and its keys are checked by the same functions.

/** Whether a row of the view is selected. */
export function hasRow(model: Model): boolean {
  return (LISTS[model.view]?.count(model) ?? 0) > 0;
}

export function selectedSecurity(model: Model): SecurityItem | undefined {
  return securityItems(model)[model.securityCursor.index];
}

/** The marked users who may have sessions: those who are known to have none are left out. */
export function kickable(model: Model): readonly string[] {
  const idle = new Set(
    model.users.rows.filter(({ sessions }) => sessions === 0).map(({ name }) => name),
  );
  return markedNames(model).filter((name) => !idle.has(name));
}

/** The marked rows of the view Sessions or Transfers. */
export function markedSessions(model: Model): readonly SessionItem[] {
  const items = model.view === "sessions" ? sessionItems(model) : transferItems(model);
  return chosenOf<SessionItem>(model, items, sessionItemId);
}

/** The marked transfers. */
export function endable(
  model: Model,
): readonly { readonly session: SessionInfo; readonly transfer: TransferView }[] {
  return markedSessions(model).flatMap(({ session, transfer }) =>
    transfer === undefined ? [] : [{ session, transfer }],
  );
}

/** The marked bans and penalties. */
export function liftable(model: Model): readonly Exclude<SecurityItem, { kind: "failures" }>[] {
  return chosenOf(model, securityItems(model), securityItemId).flatMap((item) =>
    item.kind === "failures" ? [] : [item],
  );
}

/** Why a setting can't be changed here; empty when it can. A field of a form has only one line. */
export function whyFixed({ name, fixed, value: now }: SettingInfo): string {
  if (fixed !== "" || !/[\n\r\t]/.test(now)) return fixed;
  return `${name} has several lines: change it in moorage.toml`;
}

export function hasDefault({ source, waiting }: SettingInfo): boolean {
  return source === "default" && waiting === null;
}

/** Whether the selected thing belongs to what the page shows, and can be taken away there. */
export function canTake(page: PageDialog, item: PageItem | undefined): boolean {
  switch (item?.kind) {
    case "folder":
    case "rule":
      return item.rule.of === subjectOf(page);
    case "receiver":
      return item.receiver.queued > 0;
    case "key":
    case "group":
    case "member":
    case "share":
    case "session":
    case "trashed":
    case "authority":
    case "revocation":
      return true;
    default:
      return false;
  }
}

/** The user or group of a page, written as shares and rules write it. */
export function subjectOf(page: PageDialog): string {
  return page.kind === "group" ? `@${page.name}` : page.name;
}
