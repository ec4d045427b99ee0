import { step } from "../dialogs.ts";
import { type Model, type Place, START, type Step, VIEW_KEYS, VIEWS } from "../model.ts";
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
      const all = {
        kind: "",
        text: "",
        back: 0,
        follow: true,
        records: [],
        loaded: false,
      } as const;
      return step({ ...left(model), view, log: { ...model.log, ...all, user } });
    }
    default:
      return undefined;
  }
}

function left(model: Model): Model {
  const { view, dialogs, sessions, transfers, log } = model;
  const place: Place = { view, dialogs, sessions, transfers, log: { ...log, loaded: false } };
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
  const next = { ...model, ...place, trail: model.trail.slice(0, -1) };
  return step(next, ...refreshed(next));
}
