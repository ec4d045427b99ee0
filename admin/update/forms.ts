import { AUDIT_KINDS, type AuditKind } from "../../src/store/types.ts";
import { parseDuration, UnitError } from "../../src/text/units.ts";
import { BACKS, call, changed, closedDialog, step } from "../dialogs.ts";
import { type LimitField, parseLimits } from "../limits.ts";
import type { CallEffect, Effect, FormDialog, Model, Step } from "../model.ts";
import { parseFiles, parseQuota } from "../quota.ts";

/** What comes of a filled-in form: an error shown in it, or something to do. */
type FormResult = { readonly error: string } | { readonly effect: Effect };

/** Enter in a form: checks what was typed, and calls control. */
export function submitted(model: Model, dialog: FormDialog): Step {
  if (dialog.form === "log-filter") return step(logFiltered(model, dialog));
  const outcome = outcomeOf(model, dialog);
  if ("error" in outcome) return step(changed(model, dialog, { error: outcome.error }));
  return step(changed(model, dialog, { busy: true, error: "" }), outcome.effect);
}

function outcomeOf(model: Model, dialog: FormDialog): FormResult {
  switch (dialog.form) {
    case "user-add":
      return added(dialog);
    case "user-edit":
      return edited(dialog, model.now);
    case "password":
      return password(dialog);
    case "key-add":
      return key(dialog);
    case "user-remove":
      return removed(dialog);
    case "ban":
      return banned(model, dialog);
    case "log-filter":
      return { error: "" };
  }
}

function value(dialog: FormDialog, name: string): string {
  return dialog.fields.find((field) => field.name === name)?.editor.text ?? "";
}

function role(dialog: FormDialog): "user" | "admin" {
  return value(dialog, "role") === "admin" ? "admin" : "user";
}

/** The password typed twice. */
function typedPassword(dialog: FormDialog): { error: string } | { password: string } {
  const first = value(dialog, "first");
  if (first === "") return { error: "type the password, or choose another way" };
  if (first !== value(dialog, "second")) return { error: "the two passwords differ" };
  return { password: first };
}

function generate(name: string): CallEffect {
  return call("users.generatePassword", { name });
}

function added(dialog: FormDialog): FormResult {
  const name = value(dialog, "name").trim();
  if (name === "") return { error: "a user needs a name" };
  const text = value(dialog, "quota").trim();
  const quota = text === "" ? undefined : parseQuota(text);
  if (quota !== undefined && "error" in quota) return quota;
  const how = value(dialog, "password");
  const typed = how === "type" ? typedPassword(dialog) : undefined;
  if (typed !== undefined && "error" in typed) return typed;
  const params = {
    name,
    role: role(dialog),
    ...(quota === undefined ? {} : { quotaBytes: quota.value }),
    ...(typed ?? {}),
  };
  const next = how === "generate" ? { next: generate(name) } : {};
  const notice = `${name} was added.`;
  return { effect: call("users.add", params, { dialog: dialog.id, notice, ...next }) };
}

/** Only what was changed is sent: somebody else may have changed the rest meanwhile. */
function edited(dialog: FormDialog, now: number): FormResult {
  const { user: name, id } = dialog;
  const quota = parseQuota(value(dialog, "quota"));
  if ("error" in quota) return quota;
  const files = parseFiles(value(dialog, "files"));
  if ("error" in files) return files;
  const limits = parseLimits(touchedValues(dialog, LIMIT_FIELDS), now);
  if ("error" in limits) return limits;
  const params = {
    name,
    ...(touched(dialog, "role") ? { role: role(dialog) } : {}),
    ...(touched(dialog, "quota") ? { quotaBytes: quota.value } : {}),
    ...(touched(dialog, "files") ? { quotaFiles: files.value } : {}),
    ...limits.limits,
  };
  const notice = `${name} was changed.`;
  const enable = value(dialog, "state") === "enabled";
  const method = enable ? "users.enable" : "users.disable";
  if (!touched(dialog, "state")) {
    return { effect: call("users.set", params, { dialog: id, notice }) };
  }
  if (Object.keys(params).length === 1) {
    return { effect: call(method, { name }, { dialog: id, notice }) };
  }
  return {
    effect: call("users.set", params, { dialog: id, next: call(method, { name }, { notice }) }),
  };
}

const LIMIT_FIELDS: readonly LimitField[] = ["expires", "from", "auth", "sessions"];

/** What stands in those of the fields that were touched. */
function touchedValues<N extends string>(
  dialog: FormDialog,
  names: readonly N[],
): Partial<Record<N, string>> {
  const changed = names.filter((name) => touched(dialog, name));
  return Object.fromEntries(changed.map((name) => [name, value(dialog, name)])) as Partial<
    Record<N, string>
  >;
}

function touched(dialog: FormDialog, name: string): boolean {
  return dialog.fields.some((field) => field.name === name && field.editor.text !== field.initial);
}

function password(dialog: FormDialog): FormResult {
  const { user: name, id } = dialog;
  if (value(dialog, "password") !== "type") return { effect: { ...generate(name), dialog: id } };
  const typed = typedPassword(dialog);
  if ("error" in typed) return typed;
  const notice = `The password of ${name} was set.`;
  return { effect: call("users.password", { name, ...typed }, { dialog: id, notice }) };
}

function key(dialog: FormDialog): FormResult {
  const text = value(dialog, "key").trim();
  const path = value(dialog, "file").trim();
  if (text !== "" && path !== "") return { error: "paste a key or name a file, not both" };
  if (path !== "") return { effect: { kind: "read-key", path, dialog: dialog.id } };
  if (text === "") return { error: "paste a public key first" };
  if (text.includes("PRIVATE KEY")) return { error: "that is a private key: give the .pub file" };
  return { effect: call("keys.check", { text }, { dialog: dialog.id }) };
}

function removed(dialog: FormDialog): FormResult {
  const { user: name, id } = dialog;
  const deleteHome = value(dialog, "home") === "delete";
  if (deleteHome && value(dialog, "typed").trim() !== name) {
    return { error: `type ${name} to delete all its files` };
  }
  const notice = deleteHome ? `${name} and its home were removed.` : `${name} was removed.`;
  const params = deleteHome ? { name, deleteHome } : { name };
  return { effect: call("users.remove", params, { dialog: id, notice }) };
}

function banned({ from }: Model, dialog: FormDialog): FormResult {
  const address = value(dialog, "address").trim();
  if (address === "") return { error: "an address or a network is missing" };
  const term = parseTerm(value(dialog, "for"));
  if ("error" in term) return term;
  const reason = value(dialog, "reason").trim();
  const params = {
    address,
    ...term,
    ...(reason === "" ? {} : { reason }),
    ...(value(dialog, "own") === "yes" ? { force: true } : {}),
    ...(from === "" ? {} : { from }),
  };
  return {
    effect: call("bans.set", params, { dialog: dialog.id, notice: `${address} is banned.` }),
  };
}

/** How long a ban lasts; nothing typed: until it is lifted. */
function parseTerm(typed: string): { readonly error: string } | { readonly forMs?: number } {
  if (typed.trim() === "") return {};
  try {
    const forMs = parseDuration(typed);
    return forMs > 0 ? { forMs } : { error: "a ban lasts longer than nothing" };
  } catch (thrown) {
    if (!(thrown instanceof UnitError)) throw thrown;
    return { error: `how long: it is ${thrown.message}` };
  }
}

function logFiltered(model: Model, dialog: FormDialog): Model {
  const kind: AuditKind | "" = AUDIT_KINDS.find((one) => one === value(dialog, "kind")) ?? "";
  const back = BACKS.find(([name]) => name === value(dialog, "back"))?.[1] ?? 0;
  const user = value(dialog, "user").trim();
  const asked = { user, kind, back, asked: model.now, follow: true };
  const log = { ...model.log, ...asked, records: [], loaded: false };
  return closedDialog({ ...model, log }, dialog.id);
}
