import type { AuditRecord } from "../src/store/types.ts";
import {
  ALL_OF_LOG,
  type LogFilterModel,
  type LogLine,
  type LogModel,
  MAX_LINES,
} from "./model.ts";

/** The lines of the log: records that belong together are one, which new ones join. */

/** The log with another filter; what is shown stays until what fits has come. */
export function filteredLog(log: LogModel, by: Partial<LogFilterModel>, now: number): LogModel {
  const filter = { ...log.filter, ...by };
  return { ...restarted(log), filter, asked: now, follow: true, count: null };
}

/** The log to be asked for anew. */
export function restarted(log: LogModel): LogModel {
  return { ...log, serial: log.serial + 1, stage: "new", loaded: false, waiting: [], next: null };
}

export function isFiltered({ filter }: LogModel): boolean {
  const fields = Object.keys(ALL_OF_LOG) as (keyof LogFilterModel)[];
  return fields.some((field) => filter[field] !== ALL_OF_LOG[field]);
}

/** Who seeks a path or a text wants the records themselves. */
export function isGrouped({ filter }: LogModel): boolean {
  return filter.path === "" && filter.text === "";
}

/** With a record that is new: in its line, or as one of its own. */
export function joined(lines: readonly LogLine[], record: AuditRecord, grouped: boolean) {
  const { batch } = record;
  const at =
    grouped && batch !== undefined
      ? lines.findLastIndex((line) => batch === line.record.id || batch === line.record.batch)
      : -1;
  const line = lines[at];
  if (line === undefined || line.record.id === record.id) {
    return lines.some((one) => one.record.id === record.id) ? lines : [...lines, { record }];
  }
  return lines.with(at, { record: { ...line.record, batch }, all: more(line, record) } as LogLine);
}

function more({ record, all }: LogLine, { at, bytes = 0 }: AuditRecord): LogLine["all"] {
  const before = all ?? {
    records: 1,
    bytes: record.bytes ?? 0,
    since: record.at,
    until: record.at,
  };
  return {
    records: before.records + 1,
    bytes: before.bytes + bytes,
    since: Math.min(before.since, at),
    until: Math.max(before.until, at),
  };
}

/** Records that came while lines were asked for: those that the lines do not have already join them. */
export function caughtUp(
  lines: readonly LogLine[],
  waiting: readonly AuditRecord[],
  grouped: boolean,
): readonly LogLine[] {
  return waiting.reduce((all, record) => {
    const line = all.find((one) => record.batch !== undefined && one.record.batch === record.batch);
    const isCounted = line?.all !== undefined && line.all.until >= record.at;
    return isCounted ? all : joined(all, record, grouped);
  }, lines);
}

/** The newest so many, and where older ones go on. */
export function bounded(log: LogModel): LogModel {
  if (log.lines.length <= MAX_LINES) return log;
  const lines = log.lines.slice(-MAX_LINES);
  const oldest = lines[0]?.record;
  return { ...log, lines, next: oldest === undefined ? null : { at: oldest.at, id: oldest.id } };
}
