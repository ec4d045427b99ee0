import type { LoginLimits, LoginMethod } from "./types.ts";

/** The columns of a user's row that limit the logins. */
export interface LimitColumns {
  readonly expires_at: number | null;
  readonly login_from: string | null;
  readonly login_methods: string | null;
  readonly max_sessions: number | null;
  readonly upload_rate: number | null;
  readonly download_rate: number | null;
}

export function toLimits(row: LimitColumns): LoginLimits {
  return {
    expiresAt: row.expires_at,
    from: parsed<string>(row.login_from),
    auth: parsed<LoginMethod>(row.login_methods),
    maxSessions: row.max_sessions,
    uploadRate: row.upload_rate,
    downloadRate: row.download_rate,
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
  uploadRate: null,
  downloadRate: null,
};

/** The columns in the order of their names; what `change` leaves out is as in `before`. */
export function limitValues(
  change: Partial<LoginLimits>,
  before?: LimitColumns,
): readonly (number | string | null)[] {
  const all = { ...(before ? toLimits(before) : NO_LIMITS), ...change };
  const { expiresAt, from, auth, maxSessions, uploadRate, downloadRate } = all;
  const lists = [from && JSON.stringify(from), auth && JSON.stringify(auth)];
  return [expiresAt, ...lists, maxSessions, uploadRate, downloadRate];
}
