import type { KeyInfo } from "../../src/control/protocol.ts";
import { call, changed, closedDialog, opened, showUser, step } from "../dialogs.ts";
import type { Dialog, Model, ResultMessage, Step } from "../model.ts";
import { noticed } from "./views.ts";

/** A call was done: its dialog closes, and what the method gave is shown. */
export function onResult(model: Model, message: ResultMessage): Step {
  const dialog = model.dialogs.find(({ id }) => id === message.dialog);
  // How much was counted stays on the screen.
  let next = dialog?.kind === "rescan" ? model : closedDialog(model, message.dialog);
  if (message.notice !== "") next = noticed(next, "done", message.notice);
  next = showResult(next, message, dialog);
  const follow = message.next === undefined ? [] : [message.next];
  return step(next, ...follow, ...refreshed(next, message));
}

function showResult(model: Model, message: ResultMessage, dialog: Dialog | undefined): Model {
  switch (message.method) {
    case "users.generatePassword":
      return opened(model, {
        kind: "info",
        title: `Password of ${message.params.name}`,
        lines: [["", "Shown only now. Give it to them on a safe way."]],
        secret: message.result.password,
      });
    case "users.show": {
      const { user, keys } = message.result;
      const shown = model.dialogs.find((one) => one.kind === "user" && one.name === user.name);
      return shown?.kind === "user" ? changed(model, shown, { user, keys }) : model;
    }
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
    case "users.remove": {
      const { name } = message.params;
      const about = (one: Dialog) => one.kind === "user" && one.name === name;
      return { ...model, dialogs: model.dialogs.filter((one) => !about(one)) };
    }
    case "hostKeys":
      return { ...model, hostKeys: message.result };
    case "settings":
      return { ...model, settings: message.result };
    case "reload":
      return noticed(model, "done", reloadText(message.result));
    default:
      return model;
  }
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

/** Pages of users that are open show what was just changed. */
function refreshed(model: Model, { method, params }: ResultMessage) {
  const changes = method.startsWith("users.") || method.startsWith("keys.");
  if (!changes || method === "users.show" || method === "keys.check") return [];
  const name = "name" in params ? params.name : "";
  const shown = model.dialogs.some((one) => one.kind === "user" && one.name === name);
  return shown && method !== "users.remove" ? [showUser(String(name))] : [];
}

/** A call failed: its dialog says why, else the line at the bottom. */
export function onFailed(model: Model, id: number, message: string): Model {
  const dialog = model.dialogs.find((one) => one.id === id);
  if (dialog === undefined) return noticed(model, "error", message);
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
