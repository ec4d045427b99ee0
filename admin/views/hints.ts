import { canConnect, canRenew } from "../here.ts";
import { LISTS, selectedSetting, selectedUser, sessionItems, transferItems } from "../lists.ts";
import { marksOf } from "../marks.ts";
import type { Model, ViewName } from "../model.ts";
import {
  endable,
  hasDefault,
  hasRow,
  kickable,
  liftable,
  selectedSecurity,
  whyFixed,
} from "../offered.ts";

// The keys at the bottom of a view. Only those are shown that do something with what is selected, the most
// useful first. Keys that come and go with the selected row are last, so that the others stay in place.

export type Hint = readonly [key: string, label: string];

/** The keys that are never left out. */
export function always({ view }: Model): readonly Hint[] {
  return [view === "help" ? ["escape", "back"] : ["?", "help"], ["q", "leave"]];
}

const ADD: Hint = ["a", "add"];
const FILTER: Hint = ["/", "filter"];
const MARK: Hint = [" ", "mark"];

const TYPING: readonly Hint[] = [
  ["enter", "keep the filter"],
  ["escape", "show all"],
];

const KEY_NAMES: Readonly<Record<string, string>> = {
  enter: "Enter",
  escape: "Esc",
  " ": "Space",
  pagedown: "PgDn",
};

export function hintWidth([key, label]: Hint): number {
  return keyName(key).length + 1 + label.length;
}

export function keyName(key: string): string {
  return KEY_NAMES[key] ?? key;
}

export function hintsOf(model: Model): readonly Hint[] {
  const { view, typing, users } = model;
  if (typing !== null) return TYPING;
  if (view === "users" && users.marked.size > 0) return markedUsers(model);
  return marksOf(model).length > 0 ? markedRows(model) : HINTS[view](model);
}

/** The hints, or none when they are not offered. */
export function when(offered: boolean, ...hints: readonly Hint[]): readonly Hint[] {
  return offered ? hints : [];
}

function markedUsers(model: Model): readonly Hint[] {
  return [
    MARK,
    ["*", "all"],
    ["e", "quota"],
    ["d", "disable"],
    ["x", "remove"],
    ["m", "group"],
    ...when(kickable(model).length > 0, ["K", "kick"]),
    ["escape", "none"],
  ];
}

function marking(model: Model): readonly Hint[] {
  const all = LISTS[model.view]?.ids?.(model) ?? [];
  const marked = new Set(marksOf(model));
  return [MARK, ...when(!all.every((id) => marked.has(id)), ["*", "all"]), ["escape", "none"]];
}

/** What can be done with marked rows. */
function markedRows(model: Model): readonly Hint[] {
  switch (model.view) {
    case "sessions":
    case "transfers":
      return [
        ["x", "kick"],
        ["X", "kick and disable"],
        ...when(endable(model).length > 0, ["e", "end transfers"]),
        ...marking(model),
      ];
    case "security":
      return [...when(liftable(model).length > 0, ["x", "lift"]), ...marking(model)];
    default:
      return [["x", "remove"], ...marking(model)];
  }
}

const HINTS: Readonly<Record<ViewName, (model: Model) => readonly Hint[]>> = {
  overview: (model) => [
    ["t", "totals by user and day"],
    ["S", "stop the server"],
    ...when(canRenew(model), ["R", "restart workers"]),
    ["E", "event receivers"],
  ],
  users: usersHints,
  groups: (model) => [
    ADD,
    ...when(
      hasRow(model),
      ["e", "edit"],
      ["m", "members"],
      ["s", "folder"],
      ["n", "rule"],
      ["x", "remove"],
    ),
    FILTER,
  ],
  folders: (model) => {
    const any = hasRow(model);
    return [
      ADD,
      ...when(any, ["e", "quota"], ["s", "share"], ["x", "remove"]),
      FILTER,
      ...when(any, ["T", "trash"], ["r", "rescan"]),
    ];
  },
  sessions: (model) => {
    const item = sessionItems(model)[model.sessions.cursor.index];
    if (item === undefined) return [FILTER];
    const end = when(item.transfer !== undefined, ["e", "end transfer"]);
    return [["x", "kick"], ...SESSION, ...end, KICK_AND_DISABLE];
  },
  transfers: (model) => {
    const item = transferItems(model)[model.transfers.cursor.index];
    return item === undefined
      ? [FILTER]
      : [["e", "end"], ["x", "kick"], ...SESSION, KICK_AND_DISABLE];
  },
  log: (model) => {
    const line = model.log.lines[model.log.cursor.index];
    return [
      ...when(line !== undefined, ["enter", "open"]),
      FILTER,
      ["F", "more filters"],
      ["f", "follow"],
      ...when(line?.record.user !== undefined, ["u", "user"]),
    ];
  },
  security: (model) => {
    const item = selectedSecurity(model);
    return [
      ["b", "ban"],
      FILTER,
      ...when(item !== undefined && item.kind !== "failures", ["x", "lift"]),
    ];
  },
  settings: (model) => {
    const setting = selectedSetting(model);
    const fixed = setting !== undefined && whyFixed(setting) !== "";
    const changed = setting !== undefined && !fixed && !hasDefault(setting);
    return [
      ...when(setting !== undefined, ["e", fixed ? "why fixed" : "change"]),
      FILTER,
      ["R", "reload"],
      ["a", "authorities"],
      ...when(changed, ["d", "default"]),
      ["E", "event receivers"],
    ];
  },
  help: (model) => [FILTER, ...when(hasMoreBelow(model), ["pagedown", "more"])],
};

function hasMoreBelow(model: Model): boolean {
  return model.helpCursor.index < (LISTS.help?.count(model) ?? 0) - 1;
}

const SESSION: readonly Hint[] = [["u", "user"], FILTER, MARK, ["b", "ban"]];

const KICK_AND_DISABLE: Hint = ["X", "kick and disable"];

function usersHints(model: Model): readonly Hint[] {
  const user = selectedUser(model);
  if (user === undefined) return [ADD, FILTER];
  return [
    ADD,
    ["e", "edit"],
    ["p", "password"],
    ["d", user.enabled ? "disable" : "enable"],
    ["x", "remove"],
    MARK,
    FILTER,
    ...when(canConnect(model, user), ["c", "connect"]),
    ["m", "groups"],
    ["i", "key"],
    ["s", "folder"],
    ["n", "rule"],
    ["r", "rescan"],
    ["T", "trash"],
  ];
}
