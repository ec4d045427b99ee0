import { call, opened, step } from "../dialogs.ts";
import { selectedUser } from "../lists.ts";
import {
  markedGroupForm,
  markedNames,
  markedQuotaForm,
  markedRemoveForm,
  markedStateForm,
  namesText,
  usersText,
} from "../marked-forms.ts";
import type { Model, ResultMessage, Step } from "../model.ts";
import { kickable } from "../offered.ts";
import { calls } from "./batch.ts";
import { withGroups } from "./offers.ts";

/** Names that are asked for at once when all are marked; the most that a page has. */
const PAGE = 500;

/** Marks users, and what is done with all that are marked; undefined: not such a key. */
export function markedKey(model: Model, key: string): Step | undefined {
  const { users } = model;
  switch (key) {
    case " ":
      return step(toggled(model));
    case "*":
      return markAll(model, 0);
    case "escape":
      if (users.filter !== "" || users.marked.size === 0) return undefined;
      return step({ ...model, users: { ...users, marked: new Set() } });
    default:
      return users.marked.size === 0 ? undefined : forMarked(model, key);
  }
}

function forMarked(model: Model, key: string): Step | undefined {
  switch (key) {
    case "d":
      return step(markedStateForm(model));
    case "e":
      return step(markedQuotaForm(model));
    case "m":
      return withGroups(markedGroupForm(model));
    case "x":
    case "delete":
      return step(markedRemoveForm(model));
    case "K":
      return step(askKickMarked(model));
    default:
      return undefined;
  }
}

/** The cursor goes on, so that several are marked by holding the key. */
function toggled(model: Model): Model {
  const user = selectedUser(model);
  if (user === undefined) return model;
  const { users } = model;
  const marked = new Set(users.marked);
  if (!marked.delete(user.name)) marked.add(user.name);
  const cursor = { ...users.cursor, index: users.cursor.index + 1 };
  return { ...model, users: { ...users, marked, cursor } };
}

/** Asks for the names that the filter lets through, page by page. */
function markAll(model: Model, offset: number): Step {
  const { filter } = model.users;
  const query = filter === "" ? {} : { filter };
  return step(model, call("users.page", { ...query, sort: "name", offset, limit: PAGE }));
}

/** A page of names to be marked; of another filter than the one in use, it is of no use. */
export function onNames(
  model: Model,
  { params, result }: Extract<ResultMessage, { method: "users.page" }>,
): Step {
  const { users } = model;
  if ((params.filter ?? "") !== users.filter) return step(model);
  const marked = new Set([...users.marked, ...result.rows.map(({ name }) => name)]);
  const next = { ...model, users: { ...users, marked } };
  const end = (params.offset ?? 0) + result.rows.length;
  return result.rows.length > 0 && end < result.total ? markAll(next, end) : step(next);
}

/** Where the rows say that none has a session all are tried: a row may be older than a login. */
function askKickMarked(model: Model): Model {
  const known = kickable(model);
  const names = known.length > 0 ? known : markedNames(model);
  const many = usersText(names.length);
  const all = names.map((name) => ({ what: name, call: call("users.kick", { name }) }));
  return opened(model, {
    kind: "confirm",
    title: `Kick ${many}?`,
    text: `All their sessions end at once: ${namesText(names)}.`,
    action: "kick",
    effect: calls(`Kicking ${many}`, `${many} were kicked.`, all),
  });
}
