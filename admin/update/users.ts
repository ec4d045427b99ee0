import type { UserInfo, UserSort } from "../../src/control/protocol.ts";
import {
  addKeyForm,
  addUserForm,
  call,
  editUserForm,
  opened,
  passwordForm,
  removeUserForm,
  step,
} from "../dialogs.ts";
import { selectedUser } from "../lists.ts";
import { type Model, START, type Step } from "../model.ts";
import { totalsPage, trashPage, userPage } from "../pages.ts";
import { explainForm, ruleForm, shareWithForm } from "../team-forms.ts";
import { SORTS, shownSorts } from "../user-columns.ts";
import { checklist } from "./checklist.ts";
import { markedKey } from "./marked.ts";
import { withFolders } from "./offers.ts";
import { sortedBy } from "./sorting.ts";
import { noticed } from "./views.ts";

/** Sorts the table that is shown by a column; by the same once more turns the order round. */
export function sortBy(model: Model, column: number): Model {
  if (model.view === "groups") return { ...model, groups: sortedBy(model.groups, column) };
  if (model.view === "folders") return { ...model, folders: sortedBy(model.folders, column) };
  const sort = SORTS[column];
  if (sort === undefined || model.view !== "users") return model;
  const { users } = model;
  const descending = sort === users.sort ? !users.descending : largestFirst(sort);
  return { ...model, users: { ...users, sort, descending, cursor: START, offset: 0 } };
}

/** Sorts by the next column that is shown, or the one before. */
function sortBeside(model: Model, by: 1 | -1): Model {
  const shown = shownSorts(model);
  const at = shown.indexOf(model.users.sort) + by;
  return sortBy(model, SORTS.indexOf(shown.at(at % shown.length) ?? "name"));
}

function largestFirst(sort: UserSort): boolean {
  return sort !== "name" && sort !== "role" && sort !== "state";
}

export function usersKey(model: Model, key: string): Step | undefined {
  const marking = markedKey(model, key);
  if (marking !== undefined) return marking;
  switch (key) {
    case "a":
      return step(addUserForm(model));
    case "o":
      return step(sortBy(model, SORTS.indexOf(model.users.sort)));
    case "right":
    case "l":
      return step(sortBeside(model, 1));
    case "left":
    case "h":
      return step(sortBeside(model, -1));
    default: {
      const user = selectedUser(model);
      return user === undefined ? undefined : userKey(model, user, key);
    }
  }
}

/** What can be done with one user, in the table and on the user's page. */
export function userKey(model: Model, user: UserInfo, key: string): Step | undefined {
  switch (key) {
    case "enter":
      return userPage(model, user.name, user);
    case "e":
      return step(editUserForm(model, user));
    case "p":
      return step(passwordForm(model, user.name));
    case "i":
      return step(addKeyForm(model, user.name));
    case "m":
      return checklist(model, user);
    case "s":
      return withFolders(shareWithForm(model, user.name));
    case "n":
      return step(ruleForm(model, user.name));
    case "t":
      return totalsPage(model, user.name);
    case "T":
      return trashPage(model, user.name);
    case "w":
      return step(explainForm(model, user.name));
    case "K":
      return step(askKickUser(model, user));
    case "d":
      return toggled(model, user);
    case "x":
    case "delete":
      return step(removeUserForm(model, user));
    case "r":
      return rescan(model, user);
    case "c":
      return connect(model, user);
    default:
      return undefined;
  }
}

function toggled(model: Model, { name, enabled, sessions }: UserInfo): Step {
  if (!enabled) {
    return step(model, call("users.enable", { name }, { notice: `${name} is enabled.` }));
  }
  const now = sessions === 1 ? "the session open now ends" : `${sessions} open sessions end`;
  return step(
    opened(model, {
      kind: "confirm",
      title: `Disable ${name}?`,
      text: `${name} can't log in any more${sessions === 0 ? "" : `, and ${now}`}. Nothing is deleted.`,
      action: "disable",
      effect: call("users.disable", { name }, { notice: `${name} is disabled.` }),
    }),
  );
}

/** Also where the row says that there is no session: it may be older than a login, and the server knows. */
function askKickUser(model: Model, { name }: UserInfo): Model {
  return opened(model, {
    kind: "confirm",
    title: `Kick ${name}?`,
    text: `All sessions of ${name} end at once.`,
    action: "kick",
    effect: call("users.kick", { name }, { notice: `${name} was kicked.` }),
  });
}

function rescan(model: Model, { name, files }: UserInfo): Step {
  const next = opened(model, {
    kind: "rescan",
    title: `Counting the files of ${name}`,
    name,
    expected: files,
    files: 0,
    bytes: 0,
    done: false,
  });
  return step(next, call("users.rescan", { name }, { dialog: model.nextDialog }));
}

/** Of a disabled account the server refuses it, which knows whether it is enabled by now. */
function connect(model: Model, { name }: UserInfo): Step {
  if (model.shell) return step(model, { kind: "shell", user: name });
  const port = model.overview?.listen.split(":").at(-1) ?? "PORT";
  const text = `It needs this screen over SSH: ssh -t -p ${port} ADMIN@HOST, then c.`;
  return step(noticed(model, "error", text));
}
