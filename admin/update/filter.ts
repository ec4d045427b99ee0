import { step } from "../dialogs.ts";
import { edited, inserted } from "../editor.ts";
import { filteredLog, isFiltered } from "../log-lines.ts";
import { ALL_OF_LOG, type Editor, type Model, START, type Step } from "../model.ts";

const FILTER_MAX = 64;

/** The filter of the view; undefined: it has none that is typed in its place. */
export function filterOf(model: Model): string | undefined {
  switch (model.view) {
    case "users":
      return model.users.filter;
    case "groups":
      return model.groups.filter;
    case "folders":
      return model.folders.filter;
    case "sessions":
      return model.sessions.filter;
    case "transfers":
      return model.transfers.filter;
    case "log":
      return model.log.filter.text;
    case "overview":
      return undefined;
    default:
      return model.filters[model.view] ?? "";
  }
}

/** While a filter is typed; undefined: the key is not for the filter. */
export function typingKey(model: Model, editor: Editor, key: string): Step | undefined {
  switch (key) {
    case "escape":
      return step(clearFilter({ ...model, typing: null }));
    case "enter":
    case "tab":
      return step({ ...model, typing: null });
    case "up":
    case "down":
    case "pageup":
    case "pagedown":
      return undefined;
    default:
      return step(typed(model, edited(editor, key, FILTER_MAX) ?? editor));
  }
}

export function typedPaste(model: Model, editor: Editor, text: string): Model {
  return typed(model, inserted(editor, text.replace(/\s+/g, " ").trim(), FILTER_MAX));
}

function typed(model: Model, editor: Editor): Model {
  const next = { ...model, typing: editor };
  return editor.text === filterOf(model) ? next : filtered(next, editor.text);
}

/** Everything is shown again. */
export function clearFilter(model: Model): Model {
  if (model.view === "log") {
    if (!isFiltered(model.log)) return model;
    return { ...model, log: filteredLog(model.log, ALL_OF_LOG, model.now) };
  }
  return (filterOf(model) ?? "") === "" ? model : filtered(model, "");
}

function filtered(model: Model, filter: string): Model {
  switch (model.view) {
    case "users":
      return { ...model, users: { ...model.users, filter, cursor: START, offset: 0 } };
    case "groups":
      return { ...model, groups: { ...model.groups, filter, cursor: START } };
    case "folders":
      return { ...model, folders: { ...model.folders, filter, cursor: START } };
    case "sessions":
      return { ...model, sessions: { filter, cursor: START } };
    case "transfers":
      return { ...model, transfers: { filter, cursor: START } };
    case "log":
      return { ...model, log: filteredLog(model.log, { text: filter }, model.now) };
    case "security":
      return { ...model, filters: { ...model.filters, security: filter }, securityCursor: START };
    case "settings":
      return { ...model, filters: { ...model.filters, settings: filter }, settingsCursor: START };
    case "help":
      return { ...model, filters: { ...model.filters, help: filter }, helpCursor: START };
    case "overview":
      return model;
  }
}
