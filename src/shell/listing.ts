import { dateText, modeText } from "../sftp/longname.ts";
import { masked } from "../text/safe.ts";
import { humanSize } from "../text/units.ts";
import { width as columnsOf } from "../text/width.ts";
import { type ByteString, fromText } from "../vfs/path.ts";
import type { FileStat, Owner } from "../vfs/types.ts";
import { decodeText } from "./text.ts";

/** One line to be: an entry with the name that is shown for it. */
export interface Listed {
  readonly name: ByteString;
  readonly stat: FileStat;
  /** where a link leads, when that is to be shown */
  readonly target?: ByteString | undefined;
}

export interface LongFormat {
  readonly owner: Owner;
  readonly human: boolean;
  /** dates in full, as `ls --full-time` */
  readonly fullTime: boolean;
  /** seconds since the epoch */
  readonly now: number;
  readonly terminal: boolean;
}

/** What is safe to print: a terminal gets "?" for what could steer it, others the bytes. */
export function shownName(name: ByteString, terminal: boolean): ByteString {
  if (!terminal) return name;
  return fromText(masked(decodeText(name), "?"));
}

/** The lines of `ls -l`, each column as wide as the widest entry, as coreutils does it. */
export function* longLines(entries: readonly Listed[], format: LongFormat): Generator<string> {
  const size = (stat: FileStat) => (format.human ? humanSize(stat.size) : String(stat.size));
  const widest = (text: (stat: FileStat) => string) =>
    entries.reduce((width, { stat }) => Math.max(width, text(stat).length), 0);
  const links = (stat: FileStat) => String(stat.nlink);
  const widths = { links: widest(links), size: widest(size) };
  const owner = `${column(format.owner.user)} ${column(format.owner.group)}`;
  for (const { name, stat, target } of entries) {
    const date = format.fullTime ? fullTime(stat.mtime) : dateText(stat.mtime, format.now);
    const shown = shownName(name, format.terminal);
    const arrow = target === undefined ? "" : ` -> ${shownName(target, format.terminal)}`;
    const numbers = `${links(stat).padStart(widths.links)} ${owner}`;
    const start = `${modeText(stat.mode)} ${numbers} ${size(stat).padStart(widths.size)}`;
    yield `${start} ${date} ${shown}${arrow}`;
  }
}

/** Clients split the line at blanks. */
function column(name: string): string {
  return fromText(name.replace(/\s/g, "_"));
}

/** "2026-11-20 22:59:23.000000000 +0000": ISO 8601 as coreutils writes it. Seconds in. */
export function fullTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time}.000000000 ${zone(date)}`;
}

/** "+0130": what local time is ahead of UTC. */
export function zone(date: Date): string {
  const ahead = -date.getTimezoneOffset();
  const minutes = Math.abs(ahead);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${ahead < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}${two(minutes % 60)}`;
}

/** Columns down the page, as `ls` on a terminal: as many as fit. */
export function inColumns(names: readonly string[], width: number): string[] {
  const lengths = names.map((name) => columnsOf(decodeText(name as ByteString)));
  for (
    let most = Math.min(names.length, Math.floor((width + GAP) / (1 + GAP)));
    most > 1;
    most -= 1
  ) {
    const rows = Math.ceil(names.length / most);
    const widths: number[] = Array(Math.ceil(names.length / rows)).fill(0);
    for (const [index, length] of lengths.entries()) {
      const column = Math.floor(index / rows);
      widths[column] = Math.max(widths[column] as number, length);
    }
    const total = widths.reduce((sum, one) => sum + one + GAP, -GAP);
    if (total > width) continue;
    return Array.from({ length: rows }, (_, row) => line(names, lengths, widths, row, rows));
  }
  return [...names];
}

/** Blanks between two columns. */
const GAP = 2;

function line(
  names: readonly string[],
  lengths: readonly number[],
  widths: readonly number[],
  row: number,
  rows: number,
): string {
  let out = "";
  let gap = "";
  for (const [column, width] of widths.entries()) {
    const index = column * rows + row;
    const name = names[index];
    if (name === undefined) break;
    out += gap + name;
    gap = " ".repeat(width - (lengths[index] as number) + GAP);
  }
  return out;
}
