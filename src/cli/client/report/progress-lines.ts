import {
  average,
  percent,
  RATE_COLUMNS,
  rateText,
  SIZE_COLUMNS,
  shortTime,
  TIME_COLUMNS,
} from "../../../text/figures.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";
import { fitTo, shorten, width } from "../../../text/width.ts";
import type { ActiveFile, Note, ProgressState } from "./progress-state.ts";

const MIN_NAME = 8;
const MIN_BAR = 8;
const MAX_BAR = 40;

/** What a line is made of, left to right; a field that has no room is left out. */
interface Layout {
  readonly gap: string;
  readonly name: number;
  readonly bar: number;
  readonly bytes: number;
  readonly rate: number;
  readonly time: number;
}

/** One line's figures before they get their places. */
interface Row {
  readonly name: string;
  /** undefined: not known (yet) */
  readonly percent: number | undefined;
  readonly bytes: number;
  readonly rate: string;
  readonly time: string;
}

/**
 * The same for every line of a width, so that they stand below each other. The last column stays
 * empty: terminals differ in what they do behind it.
 */
export function layout(columns: number): Layout {
  const usable = columns - 1;
  const gap = usable >= 70 ? 2 : 1;
  let left = usable - MIN_NAME - gap - 4;
  const take = (wanted: number): number => {
    if (left < wanted + gap) return 0;
    left -= wanted + gap;
    return wanted;
  };
  // In the order of what is missed most.
  const time = take(TIME_COLUMNS);
  const rate = take(RATE_COLUMNS);
  const bar = take(MIN_BAR);
  const bytes = take(SIZE_COLUMNS);
  const more = bar === 0 ? 0 : Math.min(MAX_BAR - MIN_BAR, Math.floor(Math.max(0, left) / 2));
  const name = MIN_NAME + Math.max(0, left) - more;
  return { gap: " ".repeat(gap), name, bar: bar && bar + more, bytes, rate, time };
}

/** The bars of the files under way and, for many files, one of the whole. At most `rows` lines. */
export function liveLines(
  state: ProgressState,
  columns: number,
  now: number,
  rows = Number.POSITIVE_INFINITY,
): string[] {
  const places = layout(columns);
  const lines = [...state.active.values()].map((file) => rowText(fileRow(file, now), places));
  const tail: string[] = [];
  if (state.waiting !== undefined) tail.push(waitingText(state.waiting, now));
  if ((state.totals?.files ?? 0) > 1) tail.push(rowText(totalRow(state, now, places), places));
  const room = Math.max(0, rows - tail.length);
  return [...lines.slice(0, room), ...tail.slice(-rows)].map((line) => shorten(line, columns - 1));
}

/** The lines that stay. Texts may be wider than the terminal, bars are not. */
export function noteText(note: Note, columns: number): string {
  if (note.kind !== "done") return visible(note.text);
  const rate = average(note.moved, note.durationMs);
  const row: Row = {
    name: note.name,
    percent: 100,
    bytes: note.bytes,
    rate: note.moved === 0 || rate === undefined ? "" : rateText(rate),
    time: shortTime(note.durationMs / 1000),
  };
  return shorten(rowText(row, layout(columns)), columns - 1).trimEnd();
}

function fileRow(file: ActiveFile, now: number): Row {
  const { name, size, bytes, verifying } = file;
  if (verifying) return { name, percent: 100, bytes, rate: "verifying", time: "check" };
  const rate = file.rate.perSecond(now);
  // All of it is there only when its end was told.
  const part = Math.min(percent(bytes, size), size > 0 && bytes < size ? 99 : 100);
  return { name, percent: part, bytes, ...pace(rate, size - bytes) };
}

function totalRow(state: ProgressState, now: number, places: Layout): Row {
  const { files, bytes, final } = state.totals ?? { files: 0, bytes: 0, final: false };
  const long = `${state.ended} of ${files}${final ? "" : "+"} files`;
  const name = long.length <= places.name ? long : `${state.ended}/${files}`;
  const done = state.bytes;
  const part = bytes > 0 ? percent(done, bytes) : percent(state.ended, files);
  const known = final ? Math.min(part, state.ended < files ? 99 : 100) : undefined;
  const { rate, time } = pace(state.rate.perSecond(now), bytes - done);
  return { name, percent: known, bytes: done, rate, time: final ? time : "" };
}

function pace(rate: number | undefined, left: number): Pick<Row, "rate" | "time"> {
  if (rate === undefined) return { rate: "", time: "" };
  const time = rate < 1 ? "--:--" : shortTime(Math.max(0, left) / rate);
  return { rate: rateText(rate), time };
}

function waitingText(
  { attempt, until }: NonNullable<ProgressState["waiting"]>,
  now: number,
): string {
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return seconds > 0
    ? `connecting again in ${seconds} s (attempt ${attempt})`
    : `connecting again (attempt ${attempt})`;
}

function rowText(row: Row, places: Layout): string {
  const { gap } = places;
  const part = row.percent === undefined ? "" : `${row.percent}%`;
  const fields = [fitTo(visible(row.name), places.name)];
  if (places.bar > 0) fields.push(barText(row.percent ?? 0, places.bar));
  fields.push(part.padStart(4));
  if (places.bytes > 0) fields.push(roundSize(row.bytes).padStart(places.bytes));
  if (places.rate > 0) fields.push(row.rate.padStart(places.rate));
  if (places.time > 0) fields.push(row.time.padStart(places.time));
  return fields.join(gap);
}

/** ASCII: block characters are two columns wide in some terminals. */
function barText(part: number, columns: number): string {
  const marks = columns - 2;
  const done = Math.round((Math.min(100, part) / 100) * marks);
  return `[${"#".repeat(done)}${"-".repeat(marks - done)}]`;
}

/** Lines of the screen that text takes at a width, as terminals that wrap again after a resize do. */
export function screenRows(lines: readonly string[], columns: number): number {
  return lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
}
