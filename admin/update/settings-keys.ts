import { call, step } from "../dialogs.ts";
import { selectedSetting } from "../lists.ts";
import type { Model, Step } from "../model.ts";
import { authoritiesPage, receiversPage } from "../pages.ts";
import { changeSetting, takeDefault } from "./settings.ts";

/** What a key does in the view Settings; undefined when it does nothing there. */
export function settingsKey(model: Model, key: string): Step | undefined {
  const setting = selectedSetting(model);
  switch (key) {
    case "e":
    case "enter":
      return step(setting === undefined ? model : changeSetting(model, setting));
    case "d":
      return setting === undefined ? step(model) : takeDefault(model, setting);
    case "R":
      return step(model, call("reload", {}));
    case "a":
      return authoritiesPage(model);
    case "E":
      return receiversPage(model);
    default:
      return undefined;
  }
}
