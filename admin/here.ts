import type { UserInfo } from "../src/control/protocol.ts";
import type { Model } from "./model.ts";

// What the screen can do depends on where it is drawn, and on which process it asks.

/** Only a screen that is drawn over SSH can open a user's files. */
export function canConnect({ shell }: Model, { enabled }: UserInfo): boolean {
  return shell && enabled;
}

/** Whether the process that is asked has workers it can replace. A worker, which draws the screens over SSH, has none. */
export function canRenew({ overview }: Model): boolean {
  return overview?.canRenew === true;
}
