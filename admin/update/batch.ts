import { changed, closedDialog, opened, step } from "../dialogs.ts";
import type { BatchDialog, CallDone, CallsEffect, Model, NamedCall, Step } from "../model.ts";
import { isAbout } from "../pages.ts";
import { refreshed } from "./refresh.ts";
import { noticed } from "./views.ts";

/** Begins several calls, one after the other, and shows how far they are. */
export function begun(model: Model, effect: CallsEffect): Step {
  const next = opened(model, {
    kind: "batch",
    title: effect.title,
    total: effect.calls.length,
    done: 0,
    failures: [],
    notice: effect.notice,
    stopping: false,
    ended: false,
  });
  return step(next, { ...effect, dialog: model.nextDialog });
}

/** Several calls as an effect. */
export function calls(title: string, notice: string, all: readonly NamedCall[]): CallsEffect {
  return { kind: "calls", title, notice, calls: all, dialog: 0 };
}

export function batchKey(model: Model, dialog: BatchDialog, key: string): Step {
  if (dialog.ended) {
    const closes = key === "enter" || key === "escape" || key === "q";
    return step(closes ? closedDialog(model, dialog.id) : model);
  }
  if (key !== "escape" || dialog.stopping) return step(model);
  const stopping = changed(model, dialog, { stopping: true });
  return step(stopping, { kind: "stop-calls", dialog: dialog.id });
}

/** What fails for one is told, and the others go on. */
export function onCallDone(model: Model, { dialog: id, call, why }: CallDone): Model {
  const dialog = found(model, id);
  if (dialog === undefined) return model;
  const done = dialog.done + 1;
  if (why === null) return removed(changed(model, dialog, { done }), call);
  const failures = [...dialog.failures, { what: call.what, why }];
  return changed(model, dialog, { done, failures });
}

/** Who was removed is marked no more, and has no page. */
function removed(model: Model, { call }: NamedCall): Model {
  if (call.method !== "users.remove") return model;
  const { name } = call.params;
  const marked = new Set(model.users.marked);
  marked.delete(name);
  const dialogs = model.dialogs.filter((one) => !isAbout(one, "user", name));
  return { ...model, dialogs, users: { ...model.users, marked } };
}

export function onCallsEnded(model: Model, id: number): Step {
  const dialog = found(model, id);
  if (dialog === undefined) return step(model);
  const isWhole = dialog.failures.length === 0 && !dialog.stopping;
  const next = isWhole
    ? noticed(closedDialog(model, id), "done", dialog.notice)
    : changed(model, dialog, { ended: true });
  return step(next, ...refreshed(next));
}

function found(model: Model, id: number): BatchDialog | undefined {
  const dialog = model.dialogs.find((one) => one.id === id);
  return dialog?.kind === "batch" ? dialog : undefined;
}
