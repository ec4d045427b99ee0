import { startScreen } from "./runtime.ts";
import type { AdminOptions, AdminScreen } from "./types.ts";

export { canShow } from "./terminal-name.ts";
export type { AdminOptions, AdminScreen, AdminTerminal } from "./types.ts";

/**
 * Shows the admin screen in a terminal until it is closed. Touches nothing of the process, so that
 * several can run in one server. The terminal must be in raw mode and stays the caller's.
 */
export function openAdmin(options: AdminOptions): AdminScreen {
  return startScreen(options);
}
