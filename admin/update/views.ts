import { call, step } from "../dialogs.ts";
import { allSelected, editorOf } from "../editor.ts";
import { type Model, type Notice, type Step, VIEW_KEYS, VIEWS, type ViewName } from "../model.ts";
import { clearFilter, filterOf } from "./filter.ts";
import { wentBack } from "./trail.ts";

const DONE_MS = 6_000;
const ERROR_MS = 15_000;

/** Shows a view, and asks for what no subscription brings. */
export function goTo(model: Model, view: ViewName): Step {
  const back = view === "help" && model.view !== "help" ? model.view : model.back;
  const next = { ...model, view, back, typing: null, trail: [] };
  if (view !== "settings") return step(next);
  return step(next, call("hostKeys", {}), call("settings", {}));
}

/** Keys that mean the same in every view. */
export function globalKey(model: Model, key: string): Step | undefined {
  const at = VIEWS.indexOf(model.view);
  const view = VIEWS[VIEW_KEYS.indexOf(key)];
  if (view !== undefined) return goTo(model, view);
  switch (key) {
    case "q":
      return step(model, { kind: "quit" });
    case "?":
    case "f1":
      return goTo(model, "help");
    case "tab":
    case "right":
    case "l":
      return goTo(model, VIEWS[(at + 1) % VIEWS.length] ?? "overview");
    case "shift-tab":
    case "left":
    case "h":
      return goTo(model, VIEWS[(at + VIEWS.length - 1) % VIEWS.length] ?? "overview");
    case "/":
      return startFilter(model);
    case "escape":
      return escaped(model);
    default:
      return undefined;
  }
}

function escaped(model: Model): Step {
  const back = wentBack(model);
  if (back !== undefined) return back;
  const shown = clearFilter(model);
  if (shown !== model || model.view !== "help") return step(shown);
  return goTo(model, model.back);
}

function startFilter(model: Model): Step {
  const filter = filterOf(model);
  if (filter === undefined) return step(model);
  return step({ ...model, typing: allSelected(editorOf(filter)) });
}

export function noticed(model: Model, kind: Notice["kind"], text: string): Model {
  const until = model.now + (kind === "done" ? DONE_MS : ERROR_MS);
  return { ...model, notice: { kind, text, since: model.now, until } };
}
