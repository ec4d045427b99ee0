import type { SessionInfo, TopicEvent } from "../../src/control/protocol.ts";
import { changed } from "../dialogs.ts";
import {
  securityItemId,
  securityItems,
  sessionItemId,
  sessionItems,
  transferItems,
} from "../lists.ts";
import type { Cursor, DataMessage, Dialog, Model, SessionDialog } from "../model.ts";
import { folderItems, groupItems } from "../tables.ts";
import { onRecords } from "./log.ts";

/** News from control. The selection stays on what was selected, wherever it went. */
export function onData(model: Model, message: DataMessage): Model {
  switch (message.topic) {
    case "overview":
      return { ...model, overview: message.event };
    case "users":
      return usersPage(model, message.params.offset ?? 0, message.event);
    case "sessions":
      return sessionList(model, message.event);
    case "log":
      return onRecords(model, message.event, message.first);
    case "security":
      return security(model, message.event);
    case "rescan":
      return rescanned(model, message.params.name, message.event);
    case "groups":
      return groupList(model, message.event);
    case "folders":
      return folderList(model, message.event);
    case "stopping":
      return model;
  }
}

function usersPage(model: Model, offset: number, page: TopicEvent<"users">): Model {
  const { users } = model;
  const selected = users.rows[users.cursor.index - users.pageOffset]?.name;
  const at = page.rows.findIndex(({ name }) => name === selected);
  const cursor = at < 0 ? users.cursor : shifted(users.cursor, offset + at);
  const loaded = { total: page.total, rows: page.rows, pageOffset: offset, loaded: true };
  const next = withPages(model, (one) =>
    one.kind === "user" ? { ...one, user: named(page.rows, one.name) ?? one.user } : one,
  );
  return { ...next, users: { ...users, ...loaded, cursor } };
}

function groupList(model: Model, list: TopicEvent<"groups">): Model {
  const next = withPages({ ...model, groupList: list }, (page) =>
    page.kind === "group" ? { ...page, group: named(list, page.name) ?? page.group } : page,
  );
  const before = groupItems(model);
  const cursor = followed(model.groups.cursor, before, groupItems(next), ({ name }) => name);
  return { ...next, groups: { ...model.groups, cursor } };
}

function folderList(model: Model, list: TopicEvent<"folders">): Model {
  const next = withPages({ ...model, folderList: list }, (page) =>
    page.kind === "folder" ? { ...page, folder: named(list, page.name) ?? page.folder } : page,
  );
  const before = folderItems(model);
  const cursor = followed(model.folders.cursor, before, folderItems(next), ({ name }) => name);
  return { ...next, folders: { ...model.folders, cursor } };
}

/** The model with what its dialogs are made. */
function withPages(model: Model, made: (dialog: Dialog) => Dialog): Model {
  return { ...model, dialogs: model.dialogs.map(made) };
}

function named<T extends { readonly name: string }>(all: readonly T[], name: string) {
  return all.find((one) => one.name === name);
}

/** The cursor on another row, at the same place on the screen. */
function shifted(cursor: Cursor, index: number): Cursor {
  return { index, top: Math.max(0, cursor.top + index - cursor.index) };
}

function followed<T>(
  cursor: Cursor,
  before: readonly T[],
  after: readonly T[],
  id: (item: T) => string,
): Cursor {
  const selected = before[cursor.index];
  if (selected === undefined) return cursor;
  const wanted = id(selected);
  const at = after.findIndex((item) => id(item) === wanted);
  return at < 0 || at === cursor.index ? cursor : { index: at, top: cursor.top };
}

function sessionList(model: Model, list: TopicEvent<"sessions">): Model {
  const next = withPages({ ...model, sessionList: list }, (page) =>
    page.kind === "session" ? followedSession(page, list) : page,
  );
  const sessions = followed(
    model.sessions.cursor,
    sessionItems(model),
    sessionItems(next),
    sessionItemId,
  );
  const transfers = followed(
    model.transfers.cursor,
    transferItems(model),
    transferItems(next),
    sessionItemId,
  );
  return {
    ...next,
    sessions: { ...model.sessions, cursor: sessions },
    transfers: { ...model.transfers, cursor: transfers },
  };
}

/** A session that has gone is shown as it last was. */
function followedSession(page: SessionDialog, list: readonly SessionInfo[]): SessionDialog {
  const session = list.find(({ id }) => id === page.session.id);
  return { ...page, session: session ?? page.session, ended: session === undefined };
}

function security(model: Model, event: TopicEvent<"security">): Model {
  const next = { ...model, security: event };
  const cursor = followed(
    model.securityCursor,
    securityItems(model),
    securityItems(next),
    securityItemId,
  );
  return { ...next, securityCursor: cursor };
}

function rescanned(model: Model, name: string, event: TopicEvent<"rescan">): Model {
  const dialog = model.dialogs.find((one) => one.kind === "rescan" && one.name === name);
  return dialog?.kind === "rescan" ? changed(model, dialog, event) : model;
}
