import type { TrashedInfo } from "../../src/control/protocol.ts";
import {
  call,
  changed,
  choice,
  closedDialog,
  form,
  opened,
  PATH_MAX,
  step,
  text,
} from "../dialogs.ts";
import { groupedText, secondText, sizeText } from "../format.ts";
import type { FormDialog, Model, Step, TrashDialog } from "../model.ts";
import type { PageItem } from "../page-parts.ts";
import { plural } from "../text.ts";
import { type FormResult, trimmed, value } from "./form-values.ts";

/** What was removed: had back, or removed for good. */

/** Keys of the page; undefined: not one of them. */
export function trashKey(
  model: Model,
  page: TrashDialog,
  item: PageItem | undefined,
  key: string,
): Step | undefined {
  if (key === "E") return step(emptyForm(model, page));
  if (key !== "r" || item?.kind !== "trashed") return undefined;
  return step(restoreForm(model, page.name, item.file));
}

export function trashedDetails({ id, path, size, removedAt }: TrashedInfo) {
  return [
    ["Path", path],
    ["Size", `${sizeText(size)} (${groupedText(size)} bytes)`],
    ["Removed", secondText(removedAt)],
    ["ID", id],
  ] as const;
}

function restoreForm(model: Model, name: string, file: TrashedInfo): Model {
  return form(model, {
    form: "trash-restore",
    title: `Restore ${file.path}`,
    user: name,
    text: `Removed ${secondText(file.removedAt)}, ${sizeText(file.size)}.`,
    action: "restore",
    fields: [
      text("to", "To", file.path, "", PATH_MAX),
      choice("force", "Is it there", ["leave it", "replace it"], "leave it"),
      // Not to be changed: which file it is, where several had the path.
      { ...text("id", "ID", file.id, ""), kind: "choice", options: [file.id] },
    ],
  });
}

export function restored(dialog: FormDialog): FormResult {
  const { user: name, id } = dialog;
  const to = trimmed(dialog, "to");
  if (!to.startsWith("/")) return { error: "a path begins with a slash" };
  const force = value(dialog, "force") === "replace it";
  const params = { name, what: value(dialog, "id"), to, ...(force && { force }) };
  return { effect: call("trash.restore", params, { dialog: id, notice: `${to} is there again.` }) };
}

/** All of it: its owner's name is typed, and then it is asked once more. */
function emptyForm(model: Model, { name }: TrashDialog): Model {
  return form(model, {
    form: "trash-empty",
    title: `Empty the trash of ${name}`,
    user: name,
    text: "All that is in it is removed for good. Nothing brings it back.",
    action: "go on",
    fields: [text("typed", "To empty it", "", `type ${name}`, 33)],
  });
}

export function emptyAsked(model: Model, dialog: FormDialog): Step {
  const { user: name } = dialog;
  if (trimmed(dialog, "typed") !== name) {
    return step(changed(model, dialog, { error: `type ${name} to empty its trash` }));
  }
  const page = model.dialogs.find((one) => one.kind === "trash" && one.name === name);
  const files = page?.kind === "trash" && !page.more ? (page.files?.length ?? 0) : 0;
  // The page may be older than what is in the trash by now.
  const what = files === 0 ? "All files" : plural(files, "file");
  return step(
    opened(closedDialog(model, dialog.id), {
      kind: "confirm",
      title: `Really empty the trash of ${name}?`,
      text: `${what} in it can't be had back after that.`,
      action: "empty it",
      effect: call("trash.empty", { name }, { notice: `The trash of ${name} is empty.` }),
    }),
  );
}

export function takeTrashed(model: Model, name: string, { id, path, size }: TrashedInfo): Model {
  const done = { notice: `${path} is removed for good.` };
  return opened(model, {
    kind: "confirm",
    title: "Remove this file for good?",
    text: `${path}\n${sizeText(size)}. It can't be had back after that.`,
    action: "remove",
    effect: call("trash.empty", { name, ids: [id] }, done),
  });
}
