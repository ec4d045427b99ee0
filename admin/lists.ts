import type {
  Ban,
  FailedLogins,
  Penalty,
  SessionInfo,
  SettingInfo,
  TransferView,
  UserInfo,
} from "../src/control/protocol.ts";
import { helpLines } from "./help.ts";
import { type Cursor, MIN_COLUMNS, MIN_ROWS, type Model, type ViewName } from "./model.ts";
import { folderItems, groupItems } from "./tables.ts";

/** What the views list, in the order shown: derived from the model, for keys and for drawing. */

export interface SessionItem {
  readonly session: SessionInfo;
  /** absent: the row of the session itself */
  readonly transfer?: TransferView;
}

export interface TransferItem {
  readonly session: SessionInfo;
  readonly transfer: TransferView;
}

export type SecurityItem =
  | { readonly kind: "ban"; readonly ban: Ban }
  | { readonly kind: "penalty"; readonly penalty: Penalty }
  | { readonly kind: "failures"; readonly failures: FailedLogins };

/** Rows of a list: without title, tabs, the view's own two lines, notice and hints. */
export function listRows(model: Pick<Model, "rows">): number {
  return Math.max(1, model.rows - 6);
}

/** Columns of the terminal that a table's own have: all without one at each end. */
export function tableRoom({ columns }: Pick<Model, "columns">): number {
  return columns - 2;
}

export function tooSmall(model: Pick<Model, "columns" | "rows">): boolean {
  return model.columns < MIN_COLUMNS || model.rows < MIN_ROWS;
}

export function sessionItems({ sessionList, sessions }: Model): SessionItem[] {
  const wanted = sessions.filter.toLowerCase();
  return (sessionList ?? [])
    .filter(({ user, remote, client }) => contains(wanted, user, remote, client))
    .flatMap((session) => [
      { session },
      ...session.transfers.map((transfer) => ({ session, transfer })),
    ]);
}

export function transferItems({ sessionList, transfers }: Model): TransferItem[] {
  const wanted = transfers.filter.toLowerCase();
  return (sessionList ?? []).flatMap((session) =>
    session.transfers
      .filter(({ path }) => contains(wanted, session.user, path))
      .map((transfer) => ({ session, transfer })),
  );
}

export function sessionItemId({ session, transfer }: SessionItem): string {
  return transfer === undefined ? `${session.id}` : `${session.id} ${transfer.id}`;
}

/** As typed, anywhere; after an "=" all of the first text, which is whom it is about. */
function contains(wanted: string, ...texts: readonly string[]): boolean {
  if (wanted.startsWith("=")) return texts[0]?.toLowerCase() === wanted.slice(1);
  return wanted === "" || texts.some((text) => text.toLowerCase().includes(wanted));
}

export function securityItems({ security, filters }: Model): SecurityItem[] {
  const wanted = (filters.security ?? "").toLowerCase();
  const all = [
    ...(security?.bans ?? []).map((ban) => ({ kind: "ban", ban }) as const),
    ...(security?.penalties ?? []).map((penalty) => ({ kind: "penalty", penalty }) as const),
    ...(security?.failures ?? []).map((failures) => ({ kind: "failures", failures }) as const),
  ];
  return all.filter((item) => contains(wanted, addressOf(item), ...saidOf(item)));
}

/** The address or network of a row. */
export function addressOf(item: SecurityItem): string {
  switch (item.kind) {
    case "ban":
      return item.ban.network;
    case "penalty":
      return item.penalty.address;
    case "failures":
      return item.failures.address;
  }
}

/** What stands beside the address, as far as it can be looked for. */
function saidOf(item: SecurityItem): readonly string[] {
  switch (item.kind) {
    case "ban":
      return [item.ban.reason, item.ban.actor];
    case "penalty":
      return [item.penalty.reason, item.penalty.lastUser];
    case "failures":
      return item.failures.users;
  }
}

export function securityItemId(item: SecurityItem): string {
  return `${item.kind} ${addressOf(item)}`;
}

export function selectedUser({ users }: Model): UserInfo | undefined {
  return users.rows[users.cursor.index - users.pageOffset];
}

/** A list of a view: where its cursor is kept, how long it is, and what a row is known by. */
export interface ListOf {
  cursor(model: Model): Cursor;
  moved(model: Model, cursor: Cursor): Model;
  count(model: Model): number;
  /** only what is on the screen moves, no row is selected */
  readonly scrolls?: true;
  /** how many of its rows are shown, where something stands above them */
  rows?(model: Model): number;
  /** what each row is known by, in lists whose rows can be marked; of users see UsersModel */
  ids?(model: Model): readonly string[];
}

export const LISTS: Readonly<Record<ViewName, ListOf | undefined>> = {
  overview: undefined,
  users: {
    cursor: (model) => model.users.cursor,
    moved: (model, cursor) => ({ ...model, users: { ...model.users, cursor } }),
    count: (model) => model.users.total,
  },
  groups: {
    cursor: (model) => model.groups.cursor,
    moved: (model, cursor) => ({ ...model, groups: { ...model.groups, cursor } }),
    count: (model) => groupItems(model).length,
    ids: (model) => groupItems(model).map(({ name }) => name),
  },
  folders: {
    cursor: (model) => model.folders.cursor,
    moved: (model, cursor) => ({ ...model, folders: { ...model.folders, cursor } }),
    count: (model) => folderItems(model).length,
    ids: (model) => folderItems(model).map(({ name }) => name),
  },
  sessions: {
    cursor: (model) => model.sessions.cursor,
    moved: (model, cursor) => ({ ...model, sessions: { ...model.sessions, cursor } }),
    count: (model) => sessionItems(model).length,
    ids: (model) => sessionItems(model).map(sessionItemId),
  },
  transfers: {
    cursor: (model) => model.transfers.cursor,
    moved: (model, cursor) => ({ ...model, transfers: { ...model.transfers, cursor } }),
    count: (model) => transferItems(model).length,
    ids: (model) => transferItems(model).map(sessionItemId),
  },
  log: {
    cursor: (model) => model.log.cursor,
    moved: (model, cursor) => ({ ...model, log: { ...model.log, cursor } }),
    count: (model) => model.log.lines.length,
  },
  security: {
    cursor: (model) => model.securityCursor,
    moved: (model, securityCursor) => ({ ...model, securityCursor }),
    count: (model) => securityItems(model).length,
    ids: (model) => securityItems(model).map(securityItemId),
  },
  settings: {
    cursor: (model) => model.settingsCursor,
    moved: (model, settingsCursor) => ({ ...model, settingsCursor }),
    count: (model) => shownSettings(model).length,
    rows: (model) => Math.max(1, listRows(model) - hostKeyLines(model)),
  },
  help: {
    cursor: (model) => model.helpCursor,
    moved: (model, helpCursor) => ({ ...model, helpCursor }),
    count: (model) => scrollCount(helpLines(model).length, model),
    scrolls: true,
  },
};

/** Above the settings: a title, the host keys and a blank line; see views/settings.ts. */
export function hostKeyLines({ hostKeys }: Model): number {
  return (hostKeys?.length ?? 1) + 2;
}

/** Settings whose name or value the filter lets through. */
export function shownSettings({ settings, filters }: Model): readonly SettingInfo[] {
  const wanted = (filters.settings ?? "").toLowerCase();
  return (settings ?? []).filter(({ name, value }) => contains(wanted, name, value));
}

export function selectedSetting(model: Model): SettingInfo | undefined {
  return shownSettings(model)[model.settingsCursor.index];
}

function scrollCount(lines: number, model: Model): number {
  return Math.max(1, lines - listRows(model) + 1);
}

/** Rows by which a list moves its top: one for lists that only scroll. */
export function rowsOf(list: ListOf, model: Model): number {
  return list.scrolls ? 1 : (list.rows?.(model) ?? listRows(model));
}

/** By how many rows a page key moves. */
export function pageOf(model: Model): number {
  return Math.max(1, (LISTS[model.view]?.rows?.(model) ?? listRows(model)) - 1);
}
