import { clockText, dateText, rateText, twoDigits } from "../src/text/figures.ts";
import { roundSize } from "../src/text/units.ts";

const BLOCKS = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** "1.23 GB", "3.40 MB/s" */
export { rateText, roundSize as sizeText };

/** A time that something took or will take: "12s", "3m 05s", "2h 10m", "4d 3h". */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${twoDigits(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${twoDigits(minutes % 60)}m`;
  const days = Math.floor(hours / 24);
  return days < 1000 ? `${days}d ${twoDigits(hours % 24)}h` : `${days}d`;
}

/** A moment to the second, local: "2026-01-31 14:05:09". */
export function secondText(at: number): string {
  return `${dateText(at).slice(0, 10)} ${clockText(at)}`;
}

/** How long ago, in few columns: "now", "40s ago", "3h ago", "12d ago"; null: "never". */
export function agoText(at: number | null, now: number): string {
  if (at === null) return "never";
  const seconds = Math.floor((now - at) / 1000);
  if (seconds < 1) return "now";
  if (seconds < 60) return `${seconds}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h ago`;
  return `${Math.floor(seconds / 86_400)}d ago`;
}

/** What a client calls itself, as "OpenSSH_9.2p1". "SSH-2.0-" is left out because all begin with it. */
export function clientText(client: string): string {
  return client.replace(/^SSH-2\.0-(?=.)/, "");
}

/** "1,234,567" */
export function groupedText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number in at most six columns: "12,345", "123k", "12M". */
export function countText(count: number): string {
  if (count < 100_000) return groupedText(count);
  if (count < 10_000_000) return `${groupedText(Math.floor(count / 1000))}k`;
  return `${groupedText(Math.floor(count / 1_000_000))}M`;
}

/** How much of a limit is used, 0 to 1 and above; null: there is no limit. */
export function share(used: number, limit: number | null): number | null {
  if (limit === null) return null;
  if (limit <= 0) return used > 0 ? Number.POSITIVE_INFINITY : 1;
  return used / limit;
}

/** "42%"; rounded down, so that 100 % means full. */
export function percentText(part: number | null): string {
  if (part === null) return "-";
  return part > 9.99 ? ">999%" : `${Math.floor(part * 100 + 1e-9)}%`;
}

/** A bar of `columns`: filled to the share, in eighths of a column. */
export function bar(part: number, columns: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, part)) * columns * 8);
  const full = Math.floor(eighths / 8);
  const rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8] ?? "";
  return `${"█".repeat(full)}${rest}`.padEnd(columns, "·");
}

/**
 * Values as columns of blocks, eight steps a row.
 * @param top the value of a full column
 * @returns `rows` lines, the uppermost first
 */
export function graph(values: readonly number[], rows: number, top: number): string[] {
  const heights = values.map((value) => {
    if (value <= 0 || top <= 0) return 0;
    return Math.max(1, Math.round(Math.min(1, value / top) * rows * 8));
  });
  return Array.from({ length: rows }, (_, row) => {
    const below = (rows - 1 - row) * 8;
    return heights.map((height) => BLOCKS[Math.min(8, Math.max(0, height - below))]).join("");
  });
}

/** How much higher than nearly all others the highest may be and still be shown whole. */
const FLATTENS = 3;

/** The top of a graph: one peak far above all else is cut off, so that the rest is still seen. */
export function graphTop(values: readonly number[]): number {
  const moving = values.filter((value) => value > 0).sort((a, b) => a - b);
  const peak = moving.at(-1) ?? 0;
  const usual = moving[Math.floor((moving.length - 1) * 0.9)] ?? 0;
  return niceTop(peak > usual * FLATTENS ? usual : peak);
}

/** The next of 1, 2, 5, 10, 20, … × 1 KB at or above a value: the top of a graph. */
export function niceTop(value: number): number {
  for (let unit = 1000; unit < 1e18; unit *= 10) {
    for (const step of [1, 2, 5]) if (value <= step * unit) return step * unit;
  }
  return value;
}
