import { ACCESS_MODES, type AccessMode } from "../../src/access/modes.ts";
import { call } from "../dialogs.ts";
import { LIMIT_FIELDS, parseLimits } from "../limits.ts";
import type { FormDialog } from "../model.ts";
import { parseFiles, parseQuota, parseQuotaOrDefault } from "../quota.ts";
import { type FormResult, touched, touchedValues, trimmed, value } from "./form-values.ts";

/** How many users are named at once. */
const MAX_NAMES = 200;

export function groupAdded(dialog: FormDialog, now: number): FormResult {
  const name = trimmed(dialog, "name");
  if (name === "") return { error: "a group needs a name" };
  const change = groupChange(dialog, now);
  if ("error" in change) return change;
  const done = { dialog: dialog.id, notice: `Group ${name} was added.` };
  return { effect: call("groups.add", { name, ...change }, done) };
}

/** Only what was changed is sent: somebody else may have changed the rest meanwhile. */
export function groupEdited(dialog: FormDialog, now: number): FormResult {
  const { user: name } = dialog;
  const change = groupChange(dialog, now);
  if ("error" in change) return change;
  const done = { dialog: dialog.id, notice: `Group ${name} was changed.` };
  return { effect: call("groups.set", { name, ...change }, done) };
}

function groupChange(dialog: FormDialog, now: number) {
  const quota = parseQuotaOrDefault(value(dialog, "quota"));
  if ("error" in quota) return quota;
  const limits = parseLimits(touchedValues(dialog, LIMIT_FIELDS), now);
  if ("error" in limits) return limits;
  return { ...(touched(dialog, "quota") ? { quotaBytes: quota.value } : {}), ...limits.limits };
}

export function membersChanged(dialog: FormDialog): FormResult {
  const { user: name } = dialog;
  const users = value(dialog, "users")
    .split(/[\s,]+/)
    .filter((one) => one !== "");
  if (users.length === 0) return { error: "name at least one user" };
  if (users.length > MAX_NAMES) return { error: `name at most ${MAX_NAMES} users at once` };
  const joins = value(dialog, "how") === "join";
  const notice = joins
    ? `${users.join(", ")}: of group ${name} now.`
    : `${users.join(", ")}: of group ${name} no more.`;
  const done = { dialog: dialog.id, notice };
  return { effect: call(joins ? "groups.join" : "groups.leave", { name, users }, done) };
}

/** Limits that are left empty are the settings'. */
export function folderAdded(dialog: FormDialog): FormResult {
  const name = trimmed(dialog, "name");
  if (name === "") return { error: "a folder needs a name" };
  const limits = folderLimits(dialog);
  if ("error" in limits) return limits;
  const done = { dialog: dialog.id, notice: `Folder ${name} was added.` };
  return { effect: call("folders.add", { name, ...limits }, done) };
}

export function folderEdited(dialog: FormDialog): FormResult {
  const { user: name } = dialog;
  const limits = folderLimits(dialog);
  if ("error" in limits) return limits;
  const done = { dialog: dialog.id, notice: `Folder ${name} was changed.` };
  return { effect: call("folders.set", { name, ...limits }, done) };
}

/** Those that were touched. */
function folderLimits(dialog: FormDialog) {
  const quota = touched(dialog, "quota") ? parseQuota(value(dialog, "quota")) : undefined;
  if (quota !== undefined && "error" in quota) return quota;
  const files = touched(dialog, "files") ? parseFiles(value(dialog, "files")) : undefined;
  if (files !== undefined && "error" in files) return files;
  const keep = parseLimits(touchedValues(dialog, ["trash"]), 0);
  if ("error" in keep) return keep;
  return {
    ...keep.limits,
    ...(quota === undefined ? {} : { quotaBytes: quota.value }),
    ...(files === undefined ? {} : { quotaFiles: files.value }),
  };
}

export function folderRemoved(dialog: FormDialog): FormResult {
  const { user: name } = dialog;
  const deleteFiles = value(dialog, "files") === "delete";
  if (deleteFiles && trimmed(dialog, "typed") !== name) {
    return { error: `type ${name} to delete all its files` };
  }
  const what = deleteFiles ? `Folder ${name} and its files were` : `Folder ${name} was`;
  const done = { dialog: dialog.id, notice: `${what} removed.` };
  return { effect: call("folders.remove", { name, ...(deleteFiles && { deleteFiles }) }, done) };
}

/** The folder is known, whom it is for was typed. */
export function folderShared(dialog: FormDialog): FormResult {
  const to = trimmed(dialog, "to");
  if (to === "") return { error: "with whom: a user, or a group as @name" };
  return shared(dialog, dialog.user, to);
}

/** Whom it is for is known, the folder was typed. */
export function sharedWith(dialog: FormDialog): FormResult {
  const folder = trimmed(dialog, "folder");
  if (folder === "") return { error: "which folder: the view Folders lists all" };
  return shared(dialog, folder, dialog.user);
}

function shared(dialog: FormDialog, name: string, to: string): FormResult {
  const at = trimmed(dialog, "at");
  const access = mode(dialog);
  const notice = `Folder ${name} is shared with ${to}: ${access}.`;
  const params = { name, to, access, ...(at === "" ? {} : { at }) };
  return { effect: call("folders.share", params, { dialog: dialog.id, notice }) };
}

export function ruleSet(dialog: FormDialog): FormResult {
  const { user: name } = dialog;
  const path = trimmed(dialog, "path");
  if (path === "") return { error: "at which path: / is all" };
  const access = mode(dialog);
  const done = { dialog: dialog.id, notice: `${name} at ${path}: ${access}.` };
  return { effect: call("access.set", { name, path, access }, done) };
}

export function explained(dialog: FormDialog): FormResult {
  const { user: name } = dialog;
  const path = trimmed(dialog, "path");
  if (path === "") return { error: "at which path" };
  return { effect: call("access.explain", { name, path }, { dialog: dialog.id }) };
}

function mode(dialog: FormDialog): AccessMode {
  return ACCESS_MODES.find((one) => one === value(dialog, "access")) ?? "none";
}
