import {
  expiryText,
  LimitError,
  parseAuth,
  parseExpiry,
  parseFrom,
  parseMaxSessions,
  parseRequire,
  parseTransferRate,
  parseTrashKeep,
  trashKeepText,
} from "../src/auth/login-limits-text.ts";
import { NO_LIMITS } from "../src/store/login-limits.ts";
import type { LoginLimits } from "../src/store/types.ts";
import { formatRate } from "../src/text/units.ts";

/** The fields of a user's limits in the edit form. */
export const LIMIT_FIELDS = [
  "expires",
  "from",
  "auth",
  "sessions",
  "upload",
  "download",
  "require",
  "trash",
] as const;

export type LimitField = (typeof LIMIT_FIELDS)[number];

/** As {@link parseLimits} reads them back. */
export function limitValues(user: LoginLimits): Readonly<Record<LimitField, string>> {
  return {
    expires: expiryText(user.expiresAt),
    from: user.from?.join(",") ?? "any",
    auth: user.auth?.join(",") ?? "any",
    sessions: user.maxSessions === null ? "none" : String(user.maxSessions),
    upload: rateText(user.uploadRate),
    download: rateText(user.downloadRate),
    require: user.require?.join(",") ?? "none",
    trash: trashText(user.trashKeep),
  };
}

/** As `parseTrashKeep` reads it back. */
export function trashText(keep: number | null): string {
  return keep === null ? "none" : trashKeepText(keep);
}

function rateText(rate: number | null): string {
  return rate === null ? "none" : formatRate(rate);
}

/** Where nothing is limited. */
export const NO_LIMIT_VALUES = limitValues(NO_LIMITS);

type Parsed = { readonly limits: Partial<LoginLimits> } | { readonly error: string };

/** What was typed into the fields that were touched. @param now milliseconds since the epoch */
export function parseLimits(
  typed: Partial<Readonly<Record<LimitField, string>>>,
  now: number,
): Parsed {
  const { expires, from, auth, sessions, upload, download, require, trash } = typed;
  let label = "";
  const read = <T>(name: string, text: string, parse: (text: string) => T): T => {
    label = name;
    return parse(text);
  };
  try {
    const limits: Partial<LoginLimits> = {
      ...(expires !== undefined && {
        expiresAt: read("Expires", expires, (text) => parseExpiry(text, now)),
      }),
      ...(from !== undefined && { from: read("Logs in from", from, parseFrom) }),
      ...(auth !== undefined && { auth: read("Logs in by", auth, parseAuth) }),
      ...(sessions !== undefined && {
        maxSessions: read("Max sessions", sessions, parseMaxSessions),
      }),
      ...(upload !== undefined && { uploadRate: read("Upload rate", upload, parseTransferRate) }),
      ...(download !== undefined && {
        downloadRate: read("Download rate", download, parseTransferRate),
      }),
      ...(require !== undefined && { require: read("Logins need", require, parseRequire) }),
      ...(trash !== undefined && { trashKeep: read("Trash keeps", trash, parseTrashKeep) }),
    };
    return { limits };
  } catch (thrown) {
    if (!(thrown instanceof LimitError)) throw thrown;
    return { error: `${label}: ${thrown.message}` };
  }
}
