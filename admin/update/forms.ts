import { parseDuration, UnitError } from "../../src/text/units.ts";
import { call, changed, closedDialog, step } from "../dialogs.ts";
import { LIMIT_FIELDS, parseLimits } from "../limits.ts";
import { chosenFilter } from "../log-filter.ts";
import { filteredLog } from "../log-lines.ts";
import type { CallEffect, FormDialog, Model, Step } from "../model.ts";
import { parseFiles, parseQuota, parseQuotaOrDefault } from "../quota.ts";
import { authorityAdded, revoked } from "./authorities.ts";
import { begun } from "./batch.ts";
import { type FormResult, touched, touchedValues, value } from "./form-values.ts";
import { markedGroup, markedQuota, markedRemoved, markedState } from "./marked-forms.ts";
import { serverAsked } from "./server.ts";
import { settingSet } from "./settings.ts";
import {
  explained,
  folderAdded,
  folderEdited,
  folderRemoved,
  folderShared,
  groupAdded,
  groupEdited,
  membersChanged,
  ruleSet,
  sharedWith,
} from "./team-forms.ts";
import { emptyAsked, restored } from "./trash.ts";

/** Enter in a form: checks what was typed, and calls control. */
export function submitted(model: Model, dialog: FormDialog): Step {
  if (dialog.form === "log-filter") return step(logFiltered(model, dialog));
  if (dialog.form === "server-stop" || dialog.form === "server-renew") {
    return serverAsked(model, dialog);
  }
  if (dialog.form === "trash-empty") return emptyAsked(model, dialog);
  const outcome = outcomeOf(model, dialog);
  if ("error" in outcome) return step(changed(model, dialog, { error: outcome.error }));
  const { effect } = outcome;
  if (effect.kind === "calls") return begun(closedDialog(model, dialog.id), effect);
  return step(changed(model, dialog, { busy: true, error: "" }), effect);
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
    default:
      return teamOutcome(model, dialog);
  }
}

/** Of forms about groups, folders, access, and about users that are marked. */
function teamOutcome(model: Model, dialog: FormDialog): FormResult {
  switch (dialog.form) {
    case "group-add":
      return groupAdded(dialog, model.now);
    case "group-edit":
      return groupEdited(dialog, model.now);
    case "group-members":
      return membersChanged(dialog);
    case "folder-add":
      return folderAdded(dialog);
    case "folder-edit":
      return folderEdited(dialog);
    case "folder-remove":
      return folderRemoved(dialog);
    case "folder-share":
      return folderShared(dialog);
    case "share-with":
      return sharedWith(dialog);
    case "rule":
      return ruleSet(dialog);
    case "explain":
      return explained(dialog);
    case "trash-restore":
      return restored(dialog);
    case "ca-add":
      return authorityAdded(dialog);
    case "ca-revoke":
      return revoked(dialog);
    case "setting-set":
      return settingSet(dialog);
    case "marked-state":
      return markedState(model, dialog);
    case "marked-quota":
      return markedQuota(model, dialog);
    case "marked-group":
      return markedGroup(model, dialog);
    case "marked-remove":
      return markedRemoved(model, dialog);
    default:
      return { error: "" };
  }
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
  const quota = parseQuotaOrDefault(value(dialog, "quota"));
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
  const filter = chosenFilter((field) => value(dialog, field));
  const log = { ...filteredLog(model.log, filter, model.now), lines: [] };
  return closedDialog({ ...model, log }, dialog.id);
}
