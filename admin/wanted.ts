import type { LogFilter, UserQuery } from "../src/control/protocol.ts";
import { listRows } from "./lists.ts";
import type { Dialog, Model, Wanted } from "./model.ts";

/** What the model has to be told about: only what is on the screen. */
export function wanted(model: Model): Wanted[] {
  const found: Wanted[] = [{ key: "overview", topic: "overview", params: {} }];
  if (model.view === "users") {
    const params = userQuery(model);
    found.push({ key: `users ${JSON.stringify(params)}`, topic: "users", params });
  }
  const shows = (kind: Dialog["kind"]) => model.dialogs.some((dialog) => dialog.kind === kind);
  if (model.view === "groups" || shows("group")) {
    found.push({ key: "groups", topic: "groups", params: {} });
  }
  if (model.view === "folders" || shows("folder")) {
    found.push({ key: "folders", topic: "folders", params: {} });
  }
  const showsSessions = shows("user") || shows("session");
  if (model.view === "sessions" || model.view === "transfers" || showsSessions) {
    found.push({ key: "sessions", topic: "sessions", params: {} });
  }
  if (model.view === "log") {
    // What is there is asked for in pages; only what is new is followed.
    const params = { ...logFilter(model), limit: 0 };
    found.push({ key: `log ${model.log.serial} ${JSON.stringify(params)}`, topic: "log", params });
  }
  if (model.view === "security") found.push({ key: "security", topic: "security", params: {} });
  for (const dialog of model.dialogs) {
    if (dialog.kind !== "rescan" || dialog.done) continue;
    const { name } = dialog;
    found.push({ key: `rescan ${name}`, topic: "rescan", params: { name } });
  }
  return found;
}

/** Rows in a page of users: several screens, so that moving about needs few of them. */
export function pageLimit(model: Model): number {
  return Math.min(500, Math.max(100, listRows(model) * 3));
}

export function userQuery(model: Model): UserQuery {
  const { filter, sort, descending, offset } = model.users;
  const page = { sort, descending, offset, limit: pageLimit(model) };
  return filter === "" ? page : { filter, ...page };
}

/** As control takes it; what is empty is left out. */
export function logFilter({ log }: Model): LogFilter {
  const { user, actor, address, path, group, kind, text, back, until } = log.filter;
  return {
    ...(user === "" ? {} : { user }),
    ...(actor === "" ? {} : { actor }),
    ...(address === "" ? {} : { address }),
    ...(path === "" ? {} : { path }),
    ...(group === "" || kind !== "" ? {} : { groups: [group] }),
    ...(kind === "" ? {} : { kinds: [kind] }),
    ...(text === "" ? {} : { text }),
    ...(back === 0 ? {} : { since: log.asked - back }),
    ...(until === 0 ? {} : { until: log.asked - until }),
  };
}
