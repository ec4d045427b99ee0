import type { LogFilter, LogPage, LogPageQuery } from "../../src/control/protocol.ts";
import type { AuditRecord } from "../../src/store/types.ts";
import { call, opened, step } from "../dialogs.ts";
import { listRows } from "../lists.ts";
import { logFilterForm } from "../log-filter.ts";
import { bounded, caughtUp, isGrouped, joined } from "../log-lines.ts";
import type { Cursor, LogModel, Model, Step } from "../model.ts";
import { recordsPage, userPage } from "../pages.ts";
import { recordDetails } from "../records.ts";
import { logFilter } from "../wanted.ts";

/** The log: its newest lines are asked for when what is new is followed, older ones as they are looked at. */

/** Lines asked for at once: the most that control gives. */
const LINES = 500;

export function logKey(model: Model, key: string): Step | undefined {
  const { log } = model;
  if (key === "f") {
    const follow = !log.follow;
    return step({
      ...model,
      log: { ...log, follow, cursor: follow ? end(log.lines) : log.cursor },
    });
  }
  if (key === "F") return step(logFilterForm(model));
  const line = log.lines[log.cursor.index];
  if (line === undefined) return undefined;
  const { record, all } = line;
  if (key === "u" && record.user !== undefined) return userPage(model, record.user, null);
  if (key !== "enter") return undefined;
  if (all !== undefined && record.batch !== undefined) return recordsPage(model, line);
  return step(
    opened(model, { kind: "info", title: "Record", secret: "", lines: recordDetails(record) }),
  );
}

function end(lines: readonly unknown[]): Cursor {
  return { index: lines.length - 1, top: lines.length };
}

/** News of the log; the first of a subscription says that nothing is missed from now on. */
export function onRecords(model: Model, event: readonly AuditRecord[], first: boolean): Model {
  const { log } = model;
  if (first) return { ...model, log: { ...log, stage: "followed", waiting: [] } };
  if (log.stage === "followed" || log.stage === "asking") {
    return { ...model, log: { ...log, waiting: [...log.waiting, ...event] } };
  }
  const grouped = isGrouped(log);
  const lines = event.reduce((all, record) => joined(all, record, grouped), log.lines);
  const count = log.count === null ? null : log.count + event.length;
  return { ...model, log: placed({ ...log, count }, lines) };
}

/** The log with these lines, the cursor on the line it was on. */
function placed(log: LogModel, lines: readonly LogModel["lines"][number][]): LogModel {
  const next = bounded({ ...log, lines });
  if (log.follow) return { ...next, cursor: end(next.lines) };
  const id = log.lines[log.cursor.index]?.record.id;
  const at = next.lines.findIndex(({ record }) => record.id === id);
  const { index, top } = log.cursor;
  const cursor = at < 0 ? log.cursor : { index: at, top: Math.max(0, top + at - index) };
  return { ...next, cursor };
}

/** What the log wants to ask for now, if anything. */
export function logAsks(model: Model): Step {
  const { log } = model;
  if (model.view !== "log") return step(model);
  const filter = logFilter(model);
  const query = { ...filter, limit: LINES, grouped: isGrouped(log) };
  if (log.stage === "followed") {
    const asking = { ...model, log: { ...log, stage: "asking" } as const };
    return step(asking, call("log.page", query), call("log.count", filter));
  }
  const isNear = log.cursor.top < listRows(model);
  if (log.stage !== "ready" || log.next === null || !isNear) return step(model);
  const asking = { ...model, log: { ...log, stage: "older" } as const };
  return step(asking, call("log.page", { ...query, before: log.next }));
}

/** Lines that were asked for; those of a filter that is no more are let go. */
export function onLines(model: Model, query: LogPageQuery, page: LogPage): Model {
  const { before, limit: _limit, grouped: _grouped, ...filter } = query;
  if (!isSame(model, filter)) return model;
  const { log } = model;
  const found = page.lines.toReversed();
  const next = page.next ?? null;
  const done = { ...log, next, stage: "ready", loaded: true } as const;
  if (before !== undefined) {
    if (log.stage !== "older" || before.id !== log.next?.id) return model;
    return { ...model, log: placed(done, [...found, ...log.lines]) };
  }
  const lines = caughtUp(found, log.waiting, isGrouped(log));
  return { ...model, log: placed({ ...done, waiting: [] }, lines) };
}

export function onCount(model: Model, filter: LogFilter, count: number): Model {
  return isSame(model, filter) ? { ...model, log: { ...model.log, count } } : model;
}

function isSame(model: Model, filter: LogFilter): boolean {
  return JSON.stringify(filter) === JSON.stringify(logFilter(model));
}

/** What was asked for, or followed, may not come: nothing is waited for any more. */
export function logFailed(model: Model): Model {
  const { log } = model;
  if (model.view !== "log" || log.stage === "ready") return model;
  return { ...model, log: { ...log, stage: "ready", loaded: true, next: null } };
}
