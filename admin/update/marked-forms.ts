import { call } from "../dialogs.ts";
import { markedNames, usersText } from "../marked-forms.ts";
import type { CallEffect, CallsEffect, FormDialog, Model } from "../model.ts";
import { parseQuotaOrDefault } from "../quota.ts";
import { calls } from "./batch.ts";
import { type FormResult, trimmed, value } from "./form-values.ts";

/** A call for each of the users that are marked. */
function forEach(
  model: Model,
  title: string,
  notice: string,
  one: (name: string) => CallEffect,
): { readonly effect: CallsEffect } {
  const all = markedNames(model).map((name) => ({ what: name, call: one(name) }));
  return { effect: calls(title, notice, all) };
}

function many(model: Model): string {
  return usersText(model.users.marked.size);
}

export function markedState(model: Model, dialog: FormDialog): FormResult {
  const enables = value(dialog, "state") === "enable";
  const [doing, done] = enables ? ["Enabling", "enabled"] : ["Disabling", "disabled"];
  const method = enables ? "users.enable" : "users.disable";
  return forEach(model, `${doing} ${many(model)}`, `${many(model)}: ${done}.`, (name) =>
    call(method, { name }),
  );
}

export function markedQuota(model: Model, dialog: FormDialog): FormResult {
  const quota = parseQuotaOrDefault(value(dialog, "quota"));
  if ("error" in quota) return quota;
  const { value: quotaBytes } = quota;
  return forEach(model, `Quota of ${many(model)}`, `${many(model)}: quota set.`, (name) =>
    call("users.set", { name, quotaBytes }),
  );
}

/** One call for each user, so that what is wrong with one keeps no other from it. */
export function markedGroup(model: Model, dialog: FormDialog): FormResult {
  const group = trimmed(dialog, "group");
  if (group === "") return { error: "which group: the view Groups lists all" };
  const joins = value(dialog, "how") === "join";
  const method = joins ? "groups.join" : "groups.leave";
  const notice = `${many(model)}: of group ${group} ${joins ? "now" : "no more"}.`;
  return forEach(model, `Group ${group}: ${many(model)}`, notice, (name) =>
    call(method, { name: group, users: [name] }),
  );
}

export function markedRemoved(model: Model, dialog: FormDialog): FormResult {
  const count = String(model.users.marked.size);
  if (trimmed(dialog, "typed") !== count) return { error: `type ${count} to remove them` };
  const deleteHome = value(dialog, "home") === "delete";
  const what = deleteHome ? "removed, with their homes" : "removed";
  return forEach(model, `Removing ${many(model)}`, `${many(model)}: ${what}.`, (name) =>
    call("users.remove", deleteHome ? { name, deleteHome } : { name }),
  );
}
