import { ACCESS_TEXTS } from "../../src/access/modes.ts";
import type {
  AccessView,
  CountingRule,
  GroupInfo,
  KeyInfo,
  LogPage,
  LogPageQuery,
  LogQuery,
  Method,
  Params,
  Result,
} from "../../src/control/protocol.ts";
import type { AuditRecord } from "../../src/store/types.ts";
import { call, changed, closedDialog, opened, step } from "../dialogs.ts";
import type { Dialog, Model, PageDialog, ResultMessage, Step } from "../model.ts";
import { isAbout } from "../pages.ts";
import { logFailed, onCount, onLines } from "./log.ts";
import { onNames } from "./marked.ts";
import { offered } from "./offers.ts";
import { tested } from "./receivers.ts";
import { refreshed } from "./refresh.ts";
import { settingText } from "./settings.ts";
import { noticed } from "./views.ts";

/** Rules that count less, in an explanation. */
const MOST_RULES = 8;

/** A call was done: its dialog closes, and what the method gave is shown. */
export function onResult(model: Model, message: ResultMessage): Step {
  const dialog = model.dialogs.find(({ id }) => id === message.dialog);
  // How much was counted stays on the screen.
  // What only tells a dialog something leaves it open.
  const isTold = message.method === "groups.list" || message.method === "folders.list";
  const stays = dialog?.kind === "rescan" || isTold;
  if (message.method === "users.page") return onNames(model, message);
  let next = stays ? model : closedDialog(model, message.dialog);
  if (message.notice !== "") next = noticed(next, "done", message.notice);
  next = showResult(next, message, dialog);
  const follow = message.next === undefined ? [] : [message.next];
  if (/^(reload|settings\.set)$/.test(message.method)) follow.push(call("settings", {}));
  return step(next, ...follow, ...(isChange(message.method) ? refreshed(next) : []));
}

function showResult(model: Model, message: ResultMessage, dialog: Dialog | undefined): Model {
  switch (message.method) {
    case "users.generatePassword":
      return opened(model, {
        kind: "info",
        title: `Password of ${message.params.name}`,
        lines: [["", "Shown only now. Give it to them in a safe way."]],
        secret: message.result.password,
      });
    case "users.show": {
      const { user, keys } = message.result;
      return onPages(model, "user", user.name, { user, keys });
    }
    case "groups.list":
      return groupsListed(model, dialog, message.result);
    case "folders.list": {
      const names = message.result.map(({ name }) => name);
      return dialog?.kind === "form" ? offered(model, dialog, "Folders", names) : model;
    }
    case "groups.show": {
      const { group, members } = message.result;
      return onPages(model, "group", group.name, { group, members });
    }
    case "folders.show":
      return onPages(model, "folder", message.result.name, { folder: message.result });
    case "access.list":
      return accessListed(model, message.params.name, message.result);
    case "access.explain":
      return explanation(model, message.params.name, message.result);
    case "log.page": {
      const { params, result } = message;
      return params.batch === undefined
        ? onLines(model, params, result)
        : recordsListed(model, params, result);
    }
    case "log.count":
      return onCount(model, message.params, message.result.records);
    case "trash.list":
      return trashListed(model, message.params, message.result);
    case "ca.list":
      return onPages(model, "authorities", "", { authorities: message.result });
    case "ca.revoked":
      return onPages(model, "authorities", "", { revoked: message.result });
    case "events.list":
      return onPages(model, "receivers", "", { receivers: message.result });
    case "events.test":
      return tested(model, message.params.name, message.result);
    case "log.query":
      return transfers(model, message.params, message.result);
    case "keys.check":
      return dialog?.kind === "form"
        ? confirmKeys(model, dialog.user, message.params.text, message.result)
        : model;
    case "users.rescan": {
      const { name, usedBytes: bytes, files } = message.result;
      const shown = model.dialogs.find((one) => one.kind === "rescan" && one.name === name);
      if (shown?.kind !== "rescan") return noticed(model, "done", `${name}: counted anew`);
      return changed(model, shown, { bytes, files, done: true });
    }
    case "users.remove":
      return unmarked(withoutPage(model, "user", message.params.name), message.params.name);
    case "groups.remove":
      return withoutPage(model, "group", message.params.name);
    case "folders.remove":
      return withoutPage(model, "folder", message.params.name);
    case "traffic": {
      const { by, user = "" } = message.params;
      const totals = by === "day" ? { byDay: message.result } : { byUser: message.result };
      return onPages(model, "totals", user, totals);
    }
    case "hostKeys":
      return { ...model, hostKeys: message.result };
    case "settings":
      return { ...model, settings: message.result };
    case "settings.set":
      return noticed(model, "done", settingText(message.result));
    case "reload":
      return noticed(model, "done", reloadText(message.result));
    default:
      return model;
  }
}

function recordsListed(model: Model, query: LogPageQuery, page: LogPage): Model {
  const name = String(query.batch);
  const shown = model.dialogs.find((one) => isAbout(one, "records", name));
  const before = query.before !== undefined && shown?.kind === "records" ? shown.records : null;
  const records = [...(before ?? []), ...page.lines.map(({ record }) => record)];
  return onPages(model, "records", name, { records, next: page.next ?? null });
}

function trashListed(
  model: Model,
  { name, after }: Params<"trash.list">,
  { files, more }: Result<"trash.list">,
): Model {
  const shown = model.dialogs.find((one) => isAbout(one, "trash", name));
  const before = after !== undefined && shown?.kind === "trash" ? (shown.files ?? []) : [];
  return onPages(model, "trash", name, { files: [...before, ...files], more });
}

/** The model with the pages about something changed. */
function onPages<K extends PageDialog["kind"]>(
  model: Model,
  kind: K,
  name: string,
  by: Partial<Extract<PageDialog, { kind: K }>>,
): Model {
  const dialogs = model.dialogs.map((one) =>
    isAbout(one, kind, name) ? ({ ...one, ...by } as Dialog) : one,
  );
  return { ...model, dialogs };
}

function withoutPage(model: Model, kind: PageDialog["kind"], name: string): Model {
  return { ...model, dialogs: model.dialogs.filter((one) => !isAbout(one, kind, name)) };
}

function unmarked(model: Model, name: string): Model {
  const marked = new Set(model.users.marked);
  return marked.delete(name) ? { ...model, users: { ...model.users, marked } } : model;
}

function groupsListed(
  model: Model,
  dialog: Dialog | undefined,
  groups: readonly GroupInfo[],
): Model {
  const names = groups.map(({ name }) => name);
  if (dialog?.kind === "checklist") return changed(model, dialog, { names });
  if (dialog?.kind !== "form") return model;
  const isSubject = dialog.form === "folder-share";
  return offered(model, dialog, "Groups", isSubject ? names.map((name) => `@${name}`) : names);
}

function accessListed(model: Model, name: string, access: AccessView): Model {
  return name.startsWith("@")
    ? onPages(model, "group", name.slice(1), { access })
    : onPages(model, "user", name, { access });
}

function transfers(model: Model, query: LogQuery, records: readonly AuditRecord[]): Model {
  const { user = "", kind } = query;
  return onPages(
    model,
    "user",
    user,
    kind === "upload" ? { uploads: records } : { downloads: records },
  );
}

function explanation(model: Model, name: string, result: Result<"access.explain">): Model {
  const { path, access, rules, others } = result;
  const decides = rules.length === 0 ? [["Because", "no rule is about it"] as const] : [];
  return opened(model, {
    kind: "info",
    title: `${name} at ${path}`,
    secret: "",
    lines: [
      ["Access", `${access}: ${ACCESS_TEXTS[access]}`],
      ...decides,
      ...rules.map((rule) => ["Because", ruleText(rule)] as const),
      ...others.slice(0, MOST_RULES).map((rule) => ["Counts less", ruleText(rule)] as const),
    ],
  });
}

function ruleText({ path, access, of, folder }: CountingRule): string {
  const what = folder === null ? `a rule of ${of}` : `folder ${folder}, shared with ${of}`;
  return `${access} at ${path}: ${what}`;
}

function reloadText({
  applied,
  needRestart,
}: {
  readonly applied: readonly string[];
  readonly needRestart: readonly string[];
}): string {
  if (applied.length === 0 && needRestart.length === 0) return "No setting changed.";
  const now = applied.length === 0 ? "" : `In force: ${applied.join(", ")}. `;
  return `${now}${needRestart.length === 0 ? "" : `After a restart: ${needRestart.join(", ")}.`}`;
}

function confirmKeys(model: Model, user: string, text: string, keys: readonly KeyInfo[]): Model {
  const many = keys.length === 1 ? "this key" : `these ${keys.length} keys`;
  return opened(model, {
    kind: "confirm",
    title: `Add ${many} for ${user}?`,
    text: keys
      .map(({ algorithm, fingerprint, comment }) => `${algorithm} ${comment}\n${fingerprint}`)
      .join("\n"),
    action: "add",
    effect: call(
      "keys.add",
      { name: user, text },
      { notice: keys.length === 1 ? `Key added for ${user}.` : `Keys added for ${user}.` },
    ),
  });
}

/** What pages show may be another thing after it. */
function isChange(method: Method): boolean {
  return /^(users|keys|groups|folders|access|sessions|trash|ca|events)\.(?!show|list|page|check|explain|revoked)/.test(
    method,
  );
}

/** A call failed: its dialog says why, else the line at the bottom. */
export function onFailed(model: Model, id: number, message: string): Model {
  const dialog = model.dialogs.find((one) => one.id === id);
  if (dialog === undefined) return logFailed(noticed(model, "error", message));
  return changed(model, dialog, { error: message, busy: false });
}

export function onKeyFile(model: Model, id: number, text: string): Step {
  const dialog = model.dialogs.find((one) => one.id === id);
  if (dialog === undefined) return step(model);
  return step(model, call("keys.check", { text }, { dialog: id }));
}

/** The server is gone: what was under way failed. */
export function onLost(model: Model, reason: string): Model {
  const dialogs = model.dialogs.map((one) =>
    one.busy
      ? { ...one, busy: false, error: "the server went away; it may or may not be done" }
      : one,
  );
  const since = model.link.up ? model.now : model.link.since;
  return { ...model, dialogs, link: { up: false, reason, since } };
}
