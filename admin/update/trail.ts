import { step } from "../dialogs.ts";
import { filteredLog, restarted } from "../log-lines.ts";
import {
  ALL_OF_LOG,
  type Model,
  type Place,
  START,
  type Step,
  VIEW_KEYS,
  VIEWS,
} from "../model.ts";
import { refreshed } from "./refresh.ts";

/** From somebody to lists about them, and back. */

/** Places that are remembered; pages of pages could go on for ever. */
const MOST_PLACES = 8;

/** The list of the view with this key, of one user alone; undefined: another key. */
export function listsOf(model: Model, user: string, key: string): Step | undefined {
  const view = VIEWS[VIEW_KEYS.indexOf(key)];
  const list = { cursor: START, filter: `=${user}` };
  switch (view) {
    case "sessions":
      return step({ ...left(model), view, sessions: list });
    case "transfers":
      return step({ ...left(model), view, transfers: list });
    case "log": {
      const log = filteredLog(model.log, { ...ALL_OF_LOG, user }, model.now);
      return step({ ...left(model), view, log: { ...log, lines: [] } });
    }
    default:
      return undefined;
  }
}

function left(model: Model): Model {
  const { view, dialogs, sessions, transfers, log } = model;
  const place: Place = { view, dialogs, sessions, transfers, log };
  return {
    ...model,
    trail: [...model.trail, place].slice(-MOST_PLACES),
    dialogs: [],
    typing: null,
  };
}

/** Back to where the list was opened from; undefined: it was opened by itself. */
export function wentBack(model: Model): Step | undefined {
  const place = model.trail.at(-1);
  if (place === undefined) return undefined;
  const log = restarted({ ...place.log, serial: model.log.serial });
  const next = { ...model, ...place, log, trail: model.trail.slice(0, -1) };
  return step(next, ...refreshed(next));
}
