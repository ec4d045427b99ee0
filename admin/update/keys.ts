import { call, step } from "../dialogs.ts";
import type { Model, Step } from "../model.ts";
import { authoritiesPage, receiversPage } from "../pages.ts";

/** Keys of the Keys view; undefined: not one of them. */
export function keysKey(model: Model, key: string): Step | undefined {
  switch (key) {
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
