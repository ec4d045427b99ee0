import type { LoginLimits, LoginMethod } from "./types.ts";

/** The columns of a user's row that limit the logins. */
export interface LimitColumns {
  readonly expires_at: number | null;
  readonly login_from: string | null;
  readonly login_methods: string | null;
  readonly max_sessions: number | null;
}

export function toLimits(row: LimitColumns): LoginLimits {
  return {
    expiresAt: row.expires_at,
    from: parsed<string>(row.login_from),
    auth: parsed<LoginMethod>(row.login_methods),
    maxSessions: row.max_sessions,
  };
}

function parsed<T>(text: string | null): readonly T[] | null {
  return text === null ? null : (JSON.parse(text) as T[]);
}

/** The columns in the order of their names; what `change` leaves out is as in `before`. */
export function limitValues(
  change: Partial<LoginLimits>,
  before?: LimitColumns,
): readonly (number | string | null)[] {
  const limits = { ...(before ? toLimits(before) : NO_LIMITS), ...given(change) };
  const { expiresAt, from, auth, maxSessions } = limits;
  return [expiresAt, from && JSON.stringify(from), auth && JSON.stringify(auth), maxSessions];
}

export const NO_LIMITS: LoginLimits = {
  expiresAt: null,
  from: null,
  auth: null,
  maxSessions: null,
};

/** Only what is there and is not undefined. */
function given({ expiresAt, from, auth, maxSessions }: Partial<LoginLimits>): Partial<LoginLimits> {
  return {
    ...(expiresAt !== undefined && { expiresAt }),
    ...(from !== undefined && { from }),
    ...(auth !== undefined && { auth }),
    ...(maxSessions !== undefined && { maxSessions }),
  };
}
