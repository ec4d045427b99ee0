import type { SettingChange, SettingInfo } from "../../src/control/protocol.ts";
import { call, choice, form, opened, step, text } from "../dialogs.ts";
import type { FormDialog, Model, Step } from "../model.ts";
import { hasDefault, whyFixed } from "../offered.ts";
import { type FormResult, value } from "./form-values.ts";

/** More than any value may have: one that is too long is refused, and not cut. */
const VALUE_MAX = 20_000;
const RESTART = "It is in force after a restart of the server.";

/** A form with the present value; of what can't be changed here, why. */
export function changeSetting(model: Model, setting: SettingInfo): Model {
  const why = whyFixed(setting);
  if (why !== "") return about(model, setting, why);
  const { name, value: now, waiting, options, kind, description } = setting;
  const present = waiting ?? now;
  return form(model, {
    form: "setting-set",
    title: name,
    user: name,
    text: `${description}\nA value is ${kind}. The default is ${quoted(setting.default)}.\n${whenText(setting)}`,
    action: "set",
    fields: [
      options === null
        ? text("value", "Value", present, "", VALUE_MAX)
        : choice("value", "Value", options, present),
    ],
  });
}

function about(model: Model, setting: SettingInfo, why: string): Model {
  const { name, value: now, source, kind, description } = setting;
  return opened(model, {
    kind: "info",
    title: name,
    secret: "",
    lines: [
      ["Is", quoted(now)],
      ["From", source],
      ["Default", quoted(setting.default)],
      ["What it is", description],
      ["A value is", kind],
      ["Not here", why],
    ],
  });
}

function whenText({ restart, value: now, waiting }: SettingInfo): string {
  if (!restart) return "It is in force at once.";
  return waiting === null ? RESTART : `${RESTART} Until then it is ${quoted(now)}.`;
}

function quoted(shown: string): string {
  return shown === "" ? "empty" : shown;
}

/** Enter in the form. The server says what is wrong with a value. */
export function settingSet(dialog: FormDialog): FormResult {
  const was = dialog.fields.find(({ name }) => name === "value")?.initial ?? "";
  const params = { name: dialog.user, value: value(dialog, "value"), was };
  return { effect: call("settings.set", params, { dialog: dialog.id }) };
}

/** Asks before a setting gets its default again; of one that has it the server says whether it still does. */
export function takeDefault(model: Model, setting: SettingInfo): Step {
  const { name, fixed } = setting;
  if (fixed !== "") return step(about(model, setting, fixed));
  const was = setting.waiting ?? setting.value;
  const effect = call("settings.set", { name, value: null, was });
  if (hasDefault(setting)) return step(model, effect);
  return step(
    opened(model, {
      kind: "confirm",
      title: `Take the default of ${name}?`,
      text: `It is ${quoted(was)}. The default is ${quoted(setting.default)}.\n${whenText(setting)}`,
      action: "take it",
      effect,
    }),
  );
}

/** What a change came to. */
export function settingText({ name, value: now, changed, inForce }: SettingChange): string {
  if (!inForce) return `${name}: ${quoted(now)} is in force after a restart of the server.`;
  return `${name} is ${quoted(now)}${changed ? " now: in force" : " already"}.`;
}
