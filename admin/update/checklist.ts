import type { UserInfo } from "../../src/control/protocol.ts";
import { moved } from "../cursor.ts";
import { call, changed, closedDialog, opened, step } from "../dialogs.ts";
import { type ChecklistDialog, type Model, type NamedCall, START, type Step } from "../model.ts";
import { pageHeight } from "../page-cursor.ts";
import { begun, calls } from "./batch.ts";

/** The groups that there are, for one user to join and to leave. */
export function checklist(model: Model, { name, groups }: UserInfo): Step {
  const next = opened(model, {
    kind: "checklist",
    title: `Groups of ${name}`,
    user: name,
    names: null,
    checked: groups,
    initial: groups,
    cursor: START,
  });
  return step(next, call("groups.list", {}, { dialog: model.nextDialog }));
}

/** How many groups are shown at once. */
export function checklistRows(model: Pick<Model, "rows">): number {
  return Math.max(1, pageHeight(model) - 2);
}

export function checklistKey(model: Model, dialog: ChecklistDialog, key: string): Step {
  const { names, checked, cursor } = dialog;
  if (key === "q") return step(closedDialog(model, dialog.id));
  if (names === null) return step(model);
  const rows = checklistRows(model);
  const to = moved(cursor, key, names.length, rows, rows);
  if (to !== undefined) return step(changed(model, dialog, { cursor: to }));
  if (key === "enter") return applied(closedDialog(model, dialog.id), dialog);
  const name = names[cursor.index];
  if (key !== " " || name === undefined) return step(model);
  const without = checked.filter((one) => one !== name);
  const next = without.length === checked.length ? [...checked, name] : without;
  return step(changed(model, dialog, { checked: next }));
}

function applied(model: Model, { user, checked, initial }: ChecklistDialog): Step {
  const users = [user];
  const changes: readonly NamedCall[] = [
    ...initial
      .filter((name) => !checked.includes(name))
      .map((name) => ({ what: name, call: call("groups.leave", { name, users }) })),
    ...checked
      .filter((name) => !initial.includes(name))
      .map((name) => ({ what: name, call: call("groups.join", { name, users }) })),
  ];
  if (changes.length === 0) return step(model);
  const title = `Groups of ${user}`;
  return begun(model, calls(title, `The groups of ${user} were changed.`, changes));
}
