import type { Method, Params, UserInfo } from "../src/control/protocol.ts";
import { allSelected, editorOf, unselected } from "./editor.ts";
import { type LimitField, limitValues } from "./limits.ts";
import type { CallEffect, Dialog, Effect, Field, FormDialog, Model, Step } from "./model.ts";
import { quotaText } from "./quota.ts";

/** A call as an effect. */
export function call<M extends Method>(
  method: M,
  params: Params<M>,
  more: { dialog?: number; notice?: string; next?: CallEffect } = {},
): CallEffect {
  const { dialog = 0, notice = "", next } = more;
  // One cast: TypeScript doesn't see that a generic member is one of the union's.
  return {
    kind: "call",
    method,
    params,
    dialog,
    notice,
    ...(next === undefined ? {} : { next }),
  } as unknown as CallEffect;
}

export function step(model: Model, ...effects: readonly Effect[]): Step {
  return { model, effects };
}

type Without<D> = D extends Dialog ? Omit<D, "id" | "error" | "busy"> : never;

/** Puts a dialog above the others. */
export function opened(model: Model, dialog: Without<Dialog>): Model {
  const id = model.nextDialog;
  const whole = { ...dialog, id, error: "", busy: false } as Dialog;
  return { ...model, dialogs: [...model.dialogs, whole], nextDialog: id + 1 };
}

export function closedDialog(model: Model, id: number): Model {
  if (!model.dialogs.some((one) => one.id === id)) return model;
  return { ...model, dialogs: model.dialogs.filter((one) => one.id !== id) };
}

export function topDialog(model: Model): Dialog | undefined {
  return model.dialogs.at(-1);
}

/** The model with one dialog changed. */
export function changed<D extends Dialog>(model: Model, dialog: D, by: Partial<D>): Model {
  const dialogs = model.dialogs.map((one) => (one.id === dialog.id ? { ...dialog, ...by } : one));
  return { ...model, dialogs };
}

const NAME_MAX = 32;
/** More than a password may have: one that is too long has to be refused, and not cut. */
const PASSWORD_MAX = 4096;
export const KEY_MAX = 16_384;
export const PATH_MAX = 4096;
/** Of 64 networks, the most there may be. */
const FROM_MAX = 3200;
const ADDRESS_MAX = 64;
const REASON_MAX = 200;

/** A field for a line of text. */
export function text(
  name: string,
  label: string,
  value: string,
  hint: string,
  max = NAME_MAX,
): Field {
  return {
    name,
    label,
    kind: "text",
    editor: editorOf(value),
    initial: value,
    options: [],
    hint,
    max,
  };
}

function secret(name: string, label: string, hint: string): Field {
  const editor = editorOf("");
  return { name, label, kind: "secret", editor, initial: "", options: [], hint, max: PASSWORD_MAX };
}

export function choice(
  name: string,
  label: string,
  options: readonly string[],
  value: string,
): Field {
  return {
    name,
    label,
    kind: "choice",
    editor: editorOf(value),
    initial: value,
    options,
    hint: "",
    max: 0,
  };
}

/** How long removed files may be had back. */
export const TRASH_HINT = "30d, off; none: not said";
export const QUOTA_HINT = "10GB, 500MiB, none";
const TYPED_HINT = "only if typed";

/** Opens a form, its first field in focus. */
export function form(model: Model, dialog: Omit<Without<FormDialog>, "kind" | "focus">): Model {
  return opened(model, { kind: "form", ...dialog, ...focused(dialog.fields, 0) });
}

/** Gives a field the focus. Its whole text is selected, and nothing is in any other field. */
export function focused(
  fields: readonly Field[],
  focus: number,
): Pick<FormDialog, "fields" | "focus"> {
  const selecting = (one: Field, at: number): Field => {
    const isTyped = at === focus && one.kind !== "choice";
    return { ...one, editor: isTyped ? allSelected(one.editor) : unselected(one.editor) };
  };
  return { focus, fields: fields.map(selecting) };
}

export function addUserForm(model: Model): Model {
  return form(model, {
    form: "user-add",
    title: "Add a user",
    user: "",
    text: "",
    action: "add",
    fields: [
      text("name", "Name", "", "a-z 0-9 . _ -"),
      choice("role", "Role", ["user", "admin"], "user"),
      text("quota", "Quota", "", `${QUOTA_HINT}; empty: default`),
      choice("password", "Password", ["generate", "type", "none"], "generate"),
      secret("first", "New password", TYPED_HINT),
      secret("second", "Again", TYPED_HINT),
    ],
  });
}

/** Of a user or a group: what the logins are limited to. */
export function limitFields(limits: Readonly<Record<LimitField, string>>): Field[] {
  return [
    text("expires", "Expires", limits.expires, "2026-12-31, 30d, none"),
    text("from", "Logs in from", limits.from, "10.0.0.0/8,…; any", FROM_MAX),
    text("auth", "Logs in by", limits.auth, "key, password, any"),
    text("sessions", "Max sessions", limits.sessions, "a number, none"),
    text("upload", "Upload rate", limits.upload, "10MB/s, none"),
    text("download", "Download rate", limits.download, "10MB/s, none"),
    text("require", "Logins need", limits.require, "totp, none"),
    text("trash", "Trash keeps", limits.trash, TRASH_HINT),
  ];
}

export function editUserForm(model: Model, user: UserInfo): Model {
  return form(model, {
    form: "user-edit",
    title: `Edit ${user.name}`,
    user: user.name,
    text: "",
    action: "save",
    fields: [
      text("quota", "Quota", ownQuotaText(user), "10GB, none, default"),
      text(
        "files",
        "Most files",
        user.quotaFiles === null ? "none" : String(user.quotaFiles),
        "a number, none",
      ),
      choice("role", "Role", ["user", "admin"], user.role),
      choice("state", "State", ["enabled", "disabled"], user.enabled ? "enabled" : "disabled"),
      ...limitFields(limitValues(user)),
    ],
  });
}

function ownQuotaText({ quotaOwn, quotaBytes }: UserInfo): string {
  return quotaOwn ? quotaText(quotaBytes) : "default";
}

export function passwordForm(model: Model, user: string): Model {
  return form(model, {
    form: "password",
    title: `Password of ${user}`,
    user,
    text: "A generated password is shown once, here.",
    action: "set",
    fields: [
      choice("password", "Password", ["generate", "type"], "generate"),
      secret("first", "New password", TYPED_HINT),
      secret("second", "Again", TYPED_HINT),
    ],
  });
}

export function addKeyForm(model: Model, user: string): Model {
  const key = text("key", "Public key", "", "ssh-ed25519 AAAA…", KEY_MAX);
  return form(model, {
    form: "key-add",
    title: `Add a key for ${user}`,
    user,
    text: model.keyFiles
      ? "Paste a public key, or name the file that it is in."
      : "Paste a public key: one line, as in a .pub file.",
    action: "check",
    fields: model.keyFiles
      ? [key, text("file", "Or file", "", "~/.ssh/id_ed25519.pub", PATH_MAX)]
      : [key],
  });
}

/** @param address of what is selected; empty: nothing is */
export function banForm(model: Model, address: string): Model {
  return form(model, {
    form: "ban",
    title: "Ban an address",
    user: "",
    text: "Connections from there are refused, and sessions from there end.",
    action: "ban",
    fields: [
      text("address", "Address", address, "or a network: 192.0.2.0/24", ADDRESS_MAX),
      text("for", "How long", "", "12h, 1d; empty: until lifted"),
      text("reason", "Reason", "", "for administrators", REASON_MAX),
      choice("own", "Even my own", ["no", "yes"], "no"),
    ],
  });
}

export function removeUserForm(model: Model, user: UserInfo): Model {
  return form(model, {
    form: "user-remove",
    title: `Remove ${user.name}`,
    user: user.name,
    text: `The account of ${user.name} goes, with its keys; its sessions end.`,
    action: "remove",
    fields: [
      choice("home", "Home", ["keep", "delete"], "keep"),
      text("typed", "To delete", "", "type the name again"),
    ],
  });
}
