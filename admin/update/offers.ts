import { call, changed, step } from "../dialogs.ts";
import type { Effect, FormDialog, Model, Step } from "../model.ts";

/** Names that a form may want: which there are is told above its fields. */

/** So many names are told; there may be a thousand. */
const MOST_NAMES = 12;

/** A form just opened, with what it asks for. */
export function withGroups(model: Model): Step {
  return step(model, asking(model, "groups.list"));
}

/** As {@link withGroups}, of folders. */
export function withFolders(model: Model): Step {
  return step(model, asking(model, "folders.list"));
}

function asking({ dialogs }: Model, method: "groups.list" | "folders.list"): Effect {
  return call(method, {}, { dialog: dialogs.at(-1)?.id ?? 0 });
}

/** @param label what they are: "Groups" */
export function offered(
  model: Model,
  dialog: FormDialog,
  label: string,
  names: readonly string[],
): Model {
  const shown = names.slice(0, MOST_NAMES).join(", ");
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
  const list = names.length === 0 ? `${label}: none yet.` : `${label}: ${shown}${more}.`;
  return changed(model, dialog, { text: dialog.text === "" ? list : `${dialog.text}\n${list}` });
}
