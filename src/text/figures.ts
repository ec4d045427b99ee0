import { roundSize } from "./units.ts";

/** Columns that {@link rateText} and {@link shortTime} need at most. */
export const SIZE_COLUMNS = 7;
export const RATE_COLUMNS = 9;
export const TIME_COLUMNS = 5;

/** "3.40 MB/s" */
export function rateText(bytesPerSecond: number): string {
  return `${roundSize(Math.round(bytesPerSecond))}/s`;
}

/** "0:09", "59:59", "1h02m", "23h59", "12d": five columns at most. */
export function shortTime(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 3600) return `${Math.floor(whole / 60)}:${twoDigits(whole % 60)}`;
  const hours = Math.floor(whole / 3600);
  const minutes = twoDigits(Math.floor((whole % 3600) / 60));
  if (hours < 10) return `${hours}h${minutes}m`;
  if (hours < 100) return `${hours}h${minutes}`;
  const days = Math.floor(hours / 24);
  return days < 1000 ? `${days}d` : ">999d";
}

/** "0.32 s", "12.3 s", "2:05 min", "1h02m": how long something took. */
export function spanText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const text = shortTime(seconds);
  return text.includes(":") ? `${text} min` : text;
}

/** "1 file", "12 files" */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** Whole percent, rounded down: 100 means all of it. */
export function percent(part: number, whole: number): number {
  if (whole <= 0) return 100;
  return Math.max(0, Math.min(100, Math.floor((part / whole) * 100)));
}

/** Average bytes a second; undefined for what took no time. */
export function average(bytes: number, ms: number): number | undefined {
  return ms < 1 ? undefined : (bytes / ms) * 1000;
}

/** Local time to the minute: "2026-01-31 14:05". @param at milliseconds since the epoch */
export function dateText(at: number | null): string {
  if (at === null) return "never";
  const date = new Date(at);
  const day = `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`;
}

/** Local time: "14:05:09". @param at milliseconds since the epoch */
export function clockText(at: number): string {
  const date = new Date(at);
  return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}`;
}

export function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
