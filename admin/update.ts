import { moved, settled } from "./cursor.ts";
import { changed, step, topDialog } from "./dialogs.ts";
import type { Target } from "./frame.ts";
import { LISTS, listRows, pageOf, rowsOf, tooSmall } from "./lists.ts";
import type { Dialog, Message, Model, Step, UsersModel } from "./model.ts";
import { settledPage } from "./page-cursor.ts";
import { isPage } from "./pages.ts";
import { onCallDone, onCallsEnded } from "./update/batch.ts";
import { onData } from "./update/data.ts";
import { dialogKey, dialogPaste, dialogTarget } from "./update/dialog-keys.ts";
import { typedPaste, typingKey } from "./update/filter.ts";
import { logAsks } from "./update/log.ts";
import { receiversTick } from "./update/receivers.ts";
import { onFailed, onKeyFile, onLost, onResult } from "./update/results.ts";
import { sortBy } from "./update/users.ts";
import { viewKey } from "./update/view-keys.ts";
import { globalKey, goTo } from "./update/views.ts";
import { pageLimit } from "./wanted.ts";

/** What a message makes of the model, and what is to be done in the world. Pure; never throws. */
export function update(model: Model, message: Message): Step {
  const { model: next, effects } = received(model, message);
  const { model: asking, effects: more } = logAsks(settle(next));
  return { model: asking, effects: more.length === 0 ? effects : [...effects, ...more] };
}

function received(model: Model, message: Message): Step {
  switch (message.type) {
    case "key":
      return onKey(model, message.key);
    case "paste":
      return onPaste(model, message.text);
    case "wheel":
      return onWheel(model, message.delta);
    case "target":
      return onTarget(model, message.target);
    case "click":
      // The runtime knows what was drawn where, and sends the target.
      return step(model);
    case "resize":
      return step({ ...model, columns: message.columns, rows: message.rows });
    case "tick":
      return receiversTick(model.now, onTick(model, message.now));
    case "data":
      return step(onData(model, message));
    case "result":
      return onResult(model, message);
    case "call-done":
      return step(onCallDone(model, message));
    case "calls-ended":
      return onCallsEnded(model, message.dialog);
    case "failed":
      return step(onFailed(model, message.dialog, message.message));
    case "key-file":
      return onKeyFile(model, message.dialog, message.text);
    case "lost":
      return step(onLost(model, message.reason));
    case "found":
      return goTo({ ...model, link: { up: true } }, model.view);
  }
}

function onTick(model: Model, now: number): Model {
  const notice = model.notice !== null && model.notice.until > now ? model.notice : null;
  return { ...model, now, notice };
}

/** So long a message stays whatever is typed, in milliseconds; after that the next key ends it. */
const READ_MS = 2_000;

function onKey(shown: Model, key: string): Step {
  const isRead = shown.notice !== null && shown.now - shown.notice.since >= READ_MS;
  const model = isRead ? { ...shown, notice: null } : shown;
  if (key === "ctrl-c") return step(model, { kind: "quit" });
  if (key === "ctrl-l") return step(model, { kind: "redraw" });
  if (tooSmall(model)) return key === "q" ? step(model, { kind: "quit" }) : step(model);
  const dialog = topDialog(model);
  if (dialog !== undefined) return dialogKey(model, dialog, key);
  const typing = model.typing === null ? undefined : typingKey(model, model.typing, key);
  if (typing !== undefined) return typing;
  return listKey(model, key) ?? viewKey(model, key) ?? globalKey(model, key) ?? step(model);
}

function listKey(model: Model, key: string): Step | undefined {
  const list = LISTS[model.view];
  if (list === undefined) return undefined;
  const rows = rowsOf(list, model);
  const cursor = moved(list.cursor(model), key, list.count(model), rows, pageOf(model));
  if (cursor === undefined) return undefined;
  const next = list.moved(model, cursor);
  // Who looks at an older record stays there; at the newest one, the list follows again.
  const atEnd = cursor.index >= list.count(model) - 1;
  return step(next.view === "log" ? { ...next, log: { ...next.log, follow: atEnd } } : next);
}

function onPaste(model: Model, text: string): Step {
  if (tooSmall(model)) return step(model);
  const dialog = topDialog(model);
  if (dialog !== undefined) return step(dialogPaste(model, dialog, text));
  return step(model.typing === null ? model : typedPaste(model, model.typing, text));
}

function onWheel(model: Model, delta: 1 | -1): Step {
  const key = delta > 0 ? "down" : "up";
  const dialog = topDialog(model);
  if (tooSmall(model) || (dialog !== undefined && !scrolls(dialog))) return step(model);
  let moving = model;
  for (let times = 0; times < 3; times++) moving = onKey(moving, key).model;
  return step(moving);
}

function scrolls(dialog: Dialog): boolean {
  return isPage(dialog) || dialog.kind === "checklist";
}

function onTarget(model: Model, target: Target): Step {
  if (tooSmall(model)) return step(model);
  const dialog = topDialog(model);
  if (target.kind === "key") return onKey(model, target.key);
  if (dialog !== undefined) return onDialogTarget(model, dialog, target);
  if (target.kind === "sort") return step(sortBy(model, target.column));
  const list = LISTS[model.view];
  if (target.kind !== "row" || list === undefined || list.scrolls) return step(model);
  const before = list.cursor(model);
  // A second click on the row that is selected is Enter.
  if (before.index === target.index) return onKey(model, "enter");
  const next = list.moved(model, { ...before, index: target.index });
  return step(next.view === "log" ? { ...next, log: { ...next.log, follow: false } } : next);
}

function onDialogTarget(model: Model, dialog: Dialog, target: Target): Step {
  const isSelected =
    scrolls(dialog) && target.kind === "row" && selectedRow(dialog) === target.index;
  if (!isSelected) return step(dialogTarget(model, dialog, target));
  // As in a list: a second click is what is mostly wanted of the row.
  return onKey(model, dialog.kind === "checklist" ? " " : "enter");
}

function selectedRow(dialog: Dialog): number | undefined {
  return "cursor" in dialog ? dialog.cursor.index : undefined;
}

/** Selections in range, the right page of users: whatever happened. */
function settle(model: Model): Model {
  let next = model;
  for (const list of Object.values(LISTS)) {
    if (list === undefined) continue;
    const before = list.cursor(next);
    const after = settled(before, list.count(next), rowsOf(list, next));
    if (after !== before) next = list.moved(next, after);
  }
  const page = topDialog(next);
  if (page !== undefined && isPage(page)) {
    const cursor = settledPage(next, page);
    if (cursor !== page.cursor) next = changed(next, page, { cursor });
  }
  const users = paged(next.users, listRows(next), pageLimit(next));
  return users === next.users ? next : { ...next, users };
}

/** Asks for another page when what is shown isn't in this one. */
function paged(users: UsersModel, rows: number, limit: number): UsersModel {
  const { top } = users.cursor;
  const end = Math.min(top + rows, users.total);
  if (top >= users.offset && end <= users.offset + limit) return users;
  return { ...users, offset: Math.max(0, top - Math.floor((limit - rows) / 2)) };
}
