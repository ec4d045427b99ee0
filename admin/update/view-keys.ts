import { sessionItems, transferItems } from "../lists.ts";
import type { Model, Step } from "../model.ts";
import { foldersKey } from "./folders.ts";
import { groupsKey } from "./groups.ts";
import { logKey } from "./log.ts";
import { markKey } from "./marks.ts";
import { securityKey } from "./security.ts";
import { overviewKey } from "./server.ts";
import { sessionKey } from "./sessions.ts";
import { settingsKey } from "./settings-keys.ts";
import { usersKey } from "./users.ts";

/** Keys of the view that is shown; undefined: not one of them. */
export function viewKey(model: Model, key: string): Step | undefined {
  return markKey(model, key) ?? ownKey(model, key);
}

function ownKey(model: Model, key: string): Step | undefined {
  switch (model.view) {
    case "overview":
      return overviewKey(model, key);
    case "users":
      return usersKey(model, key);
    case "groups":
      return groupsKey(model, key);
    case "folders":
      return foldersKey(model, key);
    case "sessions": {
      const item = sessionItems(model)[model.sessions.cursor.index];
      return item && sessionKey(model, item.session, item.transfer, key);
    }
    case "transfers": {
      const item = transferItems(model)[model.transfers.cursor.index];
      return item && sessionKey(model, item.session, item.transfer, key);
    }
    case "log":
      return logKey(model, key);
    case "security":
      return securityKey(model, key);
    case "settings":
      return settingsKey(model, key);
    default:
      return undefined;
  }
}
