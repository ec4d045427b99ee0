import type { Effect, Model } from "../model.ts";
import { asked, isPage } from "../pages.ts";

/** Pages further down ask again when they come up; a server takes only so many calls at once. */
const PAGES_ASKED = 2;

/** Asks again for what the open pages show, after something was changed. */
export function refreshed({ dialogs }: Model): readonly Effect[] {
  return dialogs.filter(isPage).slice(-PAGES_ASKED).flatMap(asked);
}
