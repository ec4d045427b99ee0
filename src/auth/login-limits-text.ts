import {
  LOGIN_METHODS,
  type LoginFactor,
  type LoginLimits,
  type LoginMethod,
} from "../store/types.ts";
import { dateText } from "../text/figures.ts";
import { formatDuration, formatRate, parseDuration, parseRate, UnitError } from "../text/units.ts";
import { parseNetwork, sourceOf } from "./addresses.ts";

/** So many addresses and networks a user's list may have. */
export const MAX_FROM = 64;
export const MAX_USER_SESSIONS = 100_000;
/** Bytes a second. With less, clients give up while they wait for a single request. */
export const LEAST_RATE = 10_000;
export const MOST_RATE = 1e15;
/** The last instant of the year 9999, in milliseconds since the epoch: later ones have no usual date. */
export const LAST_EXPIRY = Date.UTC(10_000, 0) - 1;

/** Text that is no limit of logins. The message says what would be one. */
export class LimitError extends Error {
  override readonly name = "LimitError";
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})(?: (\d{2}):(\d{2}))?$/;
const NO_EXPIRY = "give a date such as 2026-12-31, a duration such as 30d, or none";

/**
 * When logins end: "2026-12-31" at the end of that day and "2026-12-31 14:00" at that minute, both
 * in local time; "30d" so long after `now`; "none" never.
 * @param now milliseconds since the epoch
 * @throws LimitError for anything else
 */
export function parseExpiry(text: string, now: number): number | null {
  const plain = text.trim();
  if (plain.toLowerCase() === "none") return null;
  const at = DATE.test(plain) ? dateIn(plain) : now + durationIn(plain);
  if (at > LAST_EXPIRY) throw new LimitError("that is after the year 9999: give none for never");
  return at;
}

function dateIn(text: string): number {
  const [, ...parts] = DATE.exec(text) ?? [];
  const [year = 0, month = 0, day = 0, hour = 23, minute = 59] = parts
    .filter((part) => part !== undefined)
    .map(Number);
  const last = parts[3] === undefined ? 59_999 : 0;
  const date = new Date(2000, month - 1, day, hour, minute);
  // Apart, since the constructor takes the years 0 to 99 for those of the last century.
  date.setFullYear(year, month - 1, day);
  const isReal = date.getMonth() === month - 1 && date.getDate() === day;
  if (!isReal || hour > 23 || minute > 59)
    throw new LimitError(`there is no ${text}: ${NO_EXPIRY}`);
  return date.getTime() + last;
}

/** A bare number is refused: nobody means seconds by it. */
function durationIn(text: string): number {
  try {
    if (/[a-z]$/i.test(text)) return parseDuration(text);
  } catch (thrown) {
    if (!(thrown instanceof UnitError)) throw thrown;
  }
  throw new LimitError(NO_EXPIRY);
}

/** As {@link parseExpiry} reads it back, to the minute. */
export function expiryText(expiresAt: number | null): string {
  return expiresAt === null ? "none" : dateText(expiresAt);
}

/**
 * Addresses and networks with commas between them, or "any".
 * @throws LimitError for anything else
 */
export function parseFrom(text: string): readonly string[] | null {
  return text.trim().toLowerCase() === "any" ? null : networkNames(text.split(","));
}

/**
 * Each as it is kept: IPv6 compressed, mapped IPv4 as IPv4, no bits beyond the prefix; each once.
 * @throws LimitError when one is no address or network, or there are none or too many
 */
export function networkNames(texts: readonly string[]): readonly string[] {
  const names = [...new Set(texts.map(networkName))];
  if (names.length === 0) throw new LimitError("give at least one address or network, or any");
  if (names.length > MAX_FROM) throw new LimitError(`give at most ${MAX_FROM} networks`);
  return names;
}

function networkName(text: string): string {
  const network = parseNetwork(text);
  if (network !== undefined) {
    const { address, prefix } = network;
    return sourceOf(address, { ipv4Prefix: prefix, ipv6Prefix: prefix });
  }
  throw new LimitError(
    `${JSON.stringify(text.trim().slice(0, 60))} is no address or network: give some such as 192.0.2.7,198.51.100.0/24,2001:db8::/32, or any`,
  );
}

/**
 * "key", "password", both with a comma, or "any".
 * @throws LimitError for anything else
 */
export function parseAuth(text: string): readonly LoginMethod[] | null {
  const given = text
    .toLowerCase()
    .split(",")
    .map((part) => part.trim());
  if (given.length === 1 && given[0] === "any") return null;
  const methods = LOGIN_METHODS.filter((method) => given.includes(method));
  if (methods.length > 0 && given.every((one) => LOGIN_METHODS.some((known) => known === one))) {
    return methods;
  }
  throw new LimitError("give key, password, both with a comma between them, or any");
}

/**
 * A number of sessions, or "none".
 * @throws LimitError for anything else
 */
export function parseMaxSessions(text: string): number | null {
  const plain = text.trim().toLowerCase();
  if (plain === "none") return null;
  const count = /^\d{1,6}$/.test(plain) ? Number(plain) : 0;
  if (count >= 1 && count <= MAX_USER_SESSIONS) return count;
  throw new LimitError(`give a whole number from 1 to ${MAX_USER_SESSIONS}, or none`);
}

/**
 * Bytes a second: "10MB/s", "10MiB"; or "none".
 * @throws LimitError for anything else
 */
export function parseTransferRate(text: string): number | null {
  if (text.trim().toLowerCase() === "none") return null;
  try {
    // A bare number is refused: nobody means bytes by it.
    const rate = /[a-z]/i.test(text) ? parseRate(text) : 0;
    if (rate >= LEAST_RATE && rate <= MOST_RATE) return rate;
  } catch (thrown) {
    if (!(thrown instanceof UnitError)) throw thrown;
  }
  throw new LimitError("give a rate such as 10MB/s, at least 10KB/s, or none");
}

/**
 * How long removed files stay: "30d" or "off"; or "none" for what the settings say.
 * @returns milliseconds, 0: not at all
 * @throws LimitError for anything else
 */
export function parseTrashKeep(text: string): number | null {
  const plain = text.trim().toLowerCase();
  if (plain === "none") return null;
  if (plain === "off") return 0;
  try {
    const keep = parseDuration(plain);
    if (isTrashKeep(keep)) return keep;
  } catch (thrown) {
    if (!(thrown instanceof UnitError)) throw thrown;
  }
  throw new LimitError("give a time from 1h to 3650d such as 30d, off, or none");
}

const HOUR_MS = 3_600_000;

/** Whether removed files may be kept so long, in milliseconds. */
export function isTrashKeep(keep: number): boolean {
  return Number.isSafeInteger(keep) && keep >= HOUR_MS && keep <= 3650 * 24 * HOUR_MS;
}

export function trashKeepText(keep: number): string {
  return keep === 0 ? "off" : formatDuration(keep);
}

/**
 * "totp", or "none" for what the settings say.
 * @throws LimitError for anything else
 */
export function parseRequire(text: string): readonly LoginFactor[] | null {
  const plain = text.trim().toLowerCase();
  if (plain === "none") return null;
  if (plain === "totp") return ["totp"];
  throw new LimitError("give totp or none");
}

/** The limits that are set, each with its value, for people. @param now milliseconds since the epoch */
export function limitTexts(
  limits: LoginLimits,
  now: number,
): readonly (readonly [string, string])[] {
  const { expiresAt, from, auth, maxSessions, uploadRate, downloadRate, trashKeep, require } =
    limits;
  const expired = expiresAt !== null && now >= expiresAt ? " (has expired)" : "";
  return [
    ...(expiresAt === null ? [] : [["Expires", `${expiryText(expiresAt)}${expired}`] as const]),
    ...(from === null ? [] : [["Logs in from", from.join(", ")] as const]),
    ...(auth === null ? [] : [["Logs in by", auth.join(", ")] as const]),
    ...(maxSessions === null ? [] : [["Max sessions", `${maxSessions}`] as const]),
    ...(uploadRate === null ? [] : [["Upload rate", formatRate(uploadRate)] as const]),
    ...(downloadRate === null ? [] : [["Download rate", formatRate(downloadRate)] as const]),
    ...(trashKeep === null ? [] : [["Trash keeps", trashKeepText(trashKeep)] as const]),
    ...(require === null ? [] : [["Logins need", require.join(", ")] as const]),
  ];
}
