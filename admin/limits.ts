import {
  expiryText,
  LimitError,
  parseAuth,
  parseExpiry,
  parseFrom,
  parseMaxSessions,
} from "../src/auth/login-limits-text.ts";
import type { LoginLimits } from "../src/store/types.ts";

/** The fields of a user's limits in the edit form. */
export type LimitField = "expires" | "from" | "auth" | "sessions";

export const LIMIT_FIELDS: readonly LimitField[] = ["expires", "from", "auth", "sessions"];

/** As {@link parseLimits} reads them back. */
export function limitValues(user: LoginLimits): Readonly<Record<LimitField, string>> {
  return {
    expires: expiryText(user.expiresAt),
    from: user.from?.join(",") ?? "any",
    auth: user.auth?.join(",") ?? "any",
    sessions: user.maxSessions === null ? "none" : String(user.maxSessions),
  };
}

/** Where nothing is limited. */
export const NO_LIMIT_VALUES = limitValues({
  expiresAt: null,
  from: null,
  auth: null,
  maxSessions: null,
});

type Parsed = { readonly limits: Partial<LoginLimits> } | { readonly error: string };

/** What was typed into the fields that were touched. @param now milliseconds since the epoch */
export function parseLimits(
  typed: Partial<Readonly<Record<LimitField, string>>>,
  now: number,
): Parsed {
  const { expires, from, auth, sessions } = typed;
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
    };
    return { limits };
  } catch (thrown) {
    if (!(thrown instanceof LimitError)) throw thrown;
    return { error: `${label}: ${thrown.message}` };
  }
}
