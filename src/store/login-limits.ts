import type { LoginFactor, LoginLimits, LoginMethod } from "./types.ts";

/** The columns of a user's row that limit the logins. */
export interface LimitColumns {
  readonly expires_at: number | null;
  readonly login_from: string | null;
  readonly login_methods: string | null;
  readonly max_sessions: number | null;
  readonly login_requires: string | null;
}

export function toLimits(row: LimitColumns): LoginLimits {
  return {
    expiresAt: row.expires_at,
    from: parsed<string>(row.login_from),
    auth: parsed<LoginMethod>(row.login_methods),
    maxSessions: row.max_sessions,
    require: parsed<LoginFactor>(row.login_requires),
  };
}

function parsed<T>(text: string | null): readonly T[] | null {
  return text === null ? null : (JSON.parse(text) as T[]);
}

const NO_LIMITS: LoginLimits = {
  expiresAt: null,
  from: null,
  auth: null,
  maxSessions: null,
  require: null,
};

/** The columns in the order of their names; what `change` leaves out is as in `before`. */
export function limitValues(
  change: Partial<LoginLimits>,
  before?: LimitColumns,
): readonly (number | string | null)[] {
  const all = { ...(before ? toLimits(before) : NO_LIMITS), ...change };
  const { expiresAt, from, auth, maxSessions, require } = all;
  const listed = (list: readonly string[] | null) => list && JSON.stringify(list);
  return [expiresAt, listed(from), listed(auth), maxSessions, listed(require)];
}
