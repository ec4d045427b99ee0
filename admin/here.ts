import type { UserInfo } from "../src/control/protocol.ts";
import type { Model } from "./model.ts";

/** What is there or not by where the screen is drawn, and whom it asks. */

/** A user's files are opened by the screen over SSH alone. */
export function canConnect({ shell }: Model, { enabled }: UserInfo): boolean {
  return shell && enabled;
}

/** Who is asked has workers to replace: a worker, which draws the screens over SSH, has none. */
export function canRenew({ overview }: Model): boolean {
  return overview?.canRenew === true;
}
