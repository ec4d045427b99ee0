import {
  isTrashKeep,
  LAST_EXPIRY,
  LEAST_RATE,
  LimitError,
  MAX_USER_SESSIONS,
  MOST_RATE,
  networkNames,
  trashKeepText,
} from "../auth/login-limits-text.ts";
import {
  LOGIN_FACTORS,
  LOGIN_METHODS,
  type LoginFactor,
  type LoginLimits,
  type LoginMethod,
} from "../store/types.ts";
import { formatRate } from "../text/units.ts";
import { ControlError, EXIT } from "./errors.ts";

/**
 * The limits that are given, as they are kept.
 * @throws ControlError when one is none
 */
export function checkedLimits(limits: Partial<LoginLimits>): Partial<LoginLimits> {
  const { expiresAt, from, auth, maxSessions, uploadRate, downloadRate, trashKeep, require } =
    limits;
  return {
    ...(expiresAt !== undefined && { expiresAt: checkedExpiry(expiresAt) }),
    ...(from !== undefined && { from: checkedFrom(from) }),
    ...(auth !== undefined && { auth: checkedAuth(auth) }),
    ...(maxSessions !== undefined && { maxSessions: checkedSessions(maxSessions) }),
    ...(uploadRate !== undefined && { uploadRate: checkedRate(uploadRate) }),
    ...(downloadRate !== undefined && { downloadRate: checkedRate(downloadRate) }),
    ...(trashKeep !== undefined && { trashKeep: checkedTrash(trashKeep) }),
    ...(require !== undefined && { require: checkedFactors(require) }),
  };
}

function checkedExpiry(at: number | null): number | null {
  if (at === null || (Number.isSafeInteger(at) && at >= 0 && at <= LAST_EXPIRY)) return at;
  throw wrong("logins end at a time from 1970 to 9999");
}

function checkedFrom(from: readonly string[] | null): readonly string[] | null {
  try {
    return from && networkNames(from);
  } catch (thrown) {
    throw thrown instanceof LimitError ? wrong(thrown.message) : thrown;
  }
}

function checkedAuth(auth: readonly LoginMethod[] | null): readonly LoginMethod[] | null {
  if (auth === null) return null;
  const known = LOGIN_METHODS.filter((method) => auth.includes(method));
  if (known.length > 0 && auth.every((method) => known.includes(method))) return known;
  throw wrong("a user logs in by key, by password, or by both");
}

function checkedSessions(most: number | null): number | null {
  const possible = Number.isSafeInteger(most) && Number(most) >= 1;
  if (most === null || (possible && most <= MAX_USER_SESSIONS)) return most;
  throw wrong(`a user may have 1 to ${MAX_USER_SESSIONS} sessions`);
}

function checkedRate(rate: number | null): number | null {
  const possible = Number.isSafeInteger(rate) && Number(rate) >= LEAST_RATE;
  if (rate === null || (possible && rate <= MOST_RATE)) return rate;
  throw wrong(`a rate is from ${formatRate(LEAST_RATE)} to ${formatRate(MOST_RATE)}`);
}

/** @throws ControlError when removed files can't be kept so long */
export function checkedTrash(keep: number | null): number | null {
  if (keep === null || keep === 0 || isTrashKeep(keep)) return keep;
  throw wrong("the trash keeps files from 1h to 3650d, or not at all");
}

function checkedFactors(factors: readonly LoginFactor[] | null): readonly LoginFactor[] | null {
  if (factors === null) return null;
  const known = LOGIN_FACTORS.filter((factor) => factors.includes(factor));
  if (known.length > 0 && factors.every((factor) => known.includes(factor))) return known;
  throw wrong("what a login can need is totp");
}

function wrong(text: string): ControlError {
  return new ControlError(text, EXIT.usage);
}

/** The limits that are given, for the audit trail. */
export function describeLimits(limits: Partial<LoginLimits>): string[] {
  const { expiresAt, from, auth, maxSessions, uploadRate, downloadRate, trashKeep, require } =
    limits;
  const ends = typeof expiresAt === "number" ? new Date(expiresAt).toISOString() : "none";
  const parts = [
    expiresAt !== undefined && `expires ${ends}`,
    from !== undefined && `from ${from?.join(" ") ?? "any"}`,
    auth !== undefined && `auth ${auth?.join(" ") ?? "any"}`,
    maxSessions !== undefined && `max sessions ${maxSessions ?? "none"}`,
    uploadRate !== undefined && `upload rate ${rateOrNone(uploadRate)}`,
    downloadRate !== undefined && `download rate ${rateOrNone(downloadRate)}`,
    trashKeep !== undefined && `trash ${trashKeep === null ? "none" : trashKeepText(trashKeep)}`,
    require !== undefined && `require ${require?.join(" ") ?? "none"}`,
  ];
  return parts.filter((part) => part !== false);
}

function rateOrNone(rate: number | null): string {
  return rate === null ? "none" : formatRate(rate);
}
