import { changed, closedDialog, focused, step } from "../dialogs.ts";
import { edited, editorOf, inserted } from "../editor.ts";
import type { Target } from "../frame.ts";
import type { ConfirmDialog, Dialog, Field, FormDialog, Model, Step } from "../model.ts";
import { isPage } from "../pages.ts";
import { batchKey, begun } from "./batch.ts";
import { checklistKey } from "./checklist.ts";
import { submitted } from "./forms.ts";
import { pageKey } from "./page-keys.ts";
import { noticed } from "./views.ts";

export function dialogKey(model: Model, dialog: Dialog, key: string): Step {
  if (key === "escape" && dialog.kind !== "batch") return step(closedDialog(model, dialog.id));
  switch (dialog.kind) {
    case "form":
      return formKey(model, dialog, key);
    case "confirm":
      return confirmKey(model, dialog, key);
    case "user":
    case "group":
    case "folder":
    case "session":
    case "totals":
    case "trash":
    case "records":
    case "authorities":
    case "receivers":
      return pageKey(model, dialog, key);
    case "checklist":
      return checklistKey(model, dialog, key);
    case "batch":
      return batchKey(model, dialog, key);
    case "info":
      if (key === "c" && dialog.secret !== "") return copied(model, dialog.secret);
      return step(key === "enter" || key === "q" ? closedDialog(model, dialog.id) : model);
    case "rescan":
      return step(key === "enter" || key === "q" ? closedDialog(model, dialog.id) : model);
  }
}

function copied(model: Model, secret: string): Step {
  const text = "Sent to the terminal's clipboard. Not every terminal takes it.";
  return step(noticed(model, "done", text), { kind: "copy", text: secret });
}

function confirmKey(model: Model, dialog: ConfirmDialog, key: string): Step {
  if (key === "n" || key === "q") return step(closedDialog(model, dialog.id));
  if (key !== "y" || dialog.busy) return step(model);
  if (dialog.effect.kind === "calls") return begun(closedDialog(model, dialog.id), dialog.effect);
  const waiting = changed(model, dialog, { busy: true, error: "" });
  return step(waiting, { ...dialog.effect, dialog: dialog.id });
}

function formKey(model: Model, dialog: FormDialog, key: string): Step {
  const { focus, fields } = dialog;
  switch (key) {
    case "tab":
    case "down":
      return step(changed(model, dialog, focused(fields, (focus + 1) % fields.length)));
    case "shift-tab":
    case "up":
      return step(
        changed(model, dialog, focused(fields, (focus + fields.length - 1) % fields.length)),
      );
    case "enter":
      return dialog.busy ? step(model) : submitted(model, dialog);
    default: {
      const field = fields[focus];
      const next = field && fieldKey(field, key);
      return step(next === undefined ? model : withField(model, dialog, focus, next));
    }
  }
}

function fieldKey(field: Field, key: string): Field | undefined {
  if (field.kind === "choice") {
    if (key === "left") return chosen(field, -1);
    return key === "right" || key === " " ? chosen(field, 1) : beginning(field, key);
  }
  const editor = edited(field.editor, key, field.max);
  return editor === undefined ? undefined : { ...field, editor };
}

function chosen(field: Field, by: number): Field {
  const { options } = field;
  const at = Math.max(0, options.indexOf(field.editor.text));
  const next = options[(at + by + options.length) % options.length] ?? "";
  return { ...field, editor: editorOf(next) };
}

/** A letter chooses the next option that begins with it. */
function beginning(field: Field, key: string): Field | undefined {
  const { options, editor } = field;
  const at = options.indexOf(editor.text) + 1;
  const next = [...options.slice(at), ...options.slice(0, at)].find((one) => one.startsWith(key));
  return next === undefined ? undefined : { ...field, editor: editorOf(next) };
}

function withField(model: Model, dialog: FormDialog, index: number, field: Field): Model {
  const fields = dialog.fields.map((one, at) => (at === index ? field : one));
  return changed(model, dialog, { fields: follow(dialog, fields, field), error: "" });
}

/** Who types a password, or a name to delete a home, need not also choose so. */
function follow(dialog: FormDialog, fields: readonly Field[], touched: Field): readonly Field[] {
  if (touched.kind !== "secret" || dialog.form === "user-remove") return fields;
  return fields.map((one) =>
    one.name === "password" && touched.editor.text !== ""
      ? { ...one, editor: editorOf("type") }
      : one,
  );
}

export function dialogPaste(model: Model, dialog: Dialog, text: string): Model {
  if (dialog.kind !== "form") return model;
  const field = dialog.fields[dialog.focus];
  if (field === undefined || field.kind === "choice") return model;
  const editor = inserted(field.editor, pastedText(field, text), field.max);
  return withField(model, dialog, dialog.focus, { ...field, editor });
}

function pastedText(field: Field, text: string): string {
  // Several keys are one a line.
  if (field.name === "key") return text;
  const lines = text.replace(/\n+$/, "");
  // A password is what was pasted or it is refused; anything else is one line.
  return field.kind === "secret" ? lines : lines.replace(/\n/g, " ");
}

export function dialogTarget(model: Model, dialog: Dialog, target: Target): Model {
  if (dialog.kind === "form" && target.kind === "field") {
    const field = dialog.fields[target.index];
    if (field === undefined) return model;
    const again = dialog.focus === target.index && field.kind === "choice";
    if (again) return withField(model, dialog, target.index, chosen(field, 1));
    // A click into a text means that it is to be changed, and not replaced.
    const { fields } = focused(dialog.fields, -1);
    return changed(model, dialog, { focus: target.index, fields });
  }
  if (target.kind === "row" && (isPage(dialog) || dialog.kind === "checklist")) {
    return changed(model, dialog, { cursor: { ...dialog.cursor, index: target.index } });
  }
  return model;
}
