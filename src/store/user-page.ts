import type { Connection } from "./connection.ts";
import { LIMIT_COLUMNS, type LimitColumns, limitsOf } from "./login-limits.ts";
import { membershipsSql, type Standing, standingOf } from "./memberships.ts";
import type { NodeStore } from "./nodes.ts";
import type { LoginLimits, Role } from "./types.ts";

/** A user as lists show it, with limits of their own; quotas: null is no limit. */
export interface ListedUser extends LoginLimits, Omit<Standing, "own" | keyof LoginLimits> {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  readonly enabled: boolean;
  readonly hasPassword: boolean;
  /** how many */
  readonly keys: number;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  readonly usedBytes: number;
  readonly usedFiles: number;
  /** of living processes, active and waiting */
  readonly sessions: number;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
  /** false: quotaBytes is what the groups or the settings say */
  readonly quotaOwn: boolean;
  /** the limits in force: the user's own and the groups' */
  readonly effective: LoginLimits;
  /** the next login by password has to set a new one */
  readonly passwordChange: boolean;
  readonly hasFactor: boolean;
}

export type UserOrder =
  | "name"
  | "role"
  | "state"
  | "used"
  | "percent"
  | "files"
  | "sessions"
  | "login";

export interface UserPageRequest {
  /** part of the name */
  readonly filter: string;
  readonly order: UserOrder;
  readonly descending: boolean;
  readonly offset: number;
  readonly limit: number;
}

interface Row
  extends Omit<
      ListedUser,
      | "enabled"
      | "hasPassword"
      | "passwordChange"
      | "hasFactor"
      | "quotaOwn"
      | "effective"
      | keyof Standing
      | keyof LoginLimits
    >,
    LimitColumns {
  readonly enabled: number;
  readonly hasPassword: number;
  readonly quotaOwn: number;
  readonly passwordChange: number;
  readonly hasFactor: number;
  /** as JSON */
  readonly memberships: string;
}

/** A quota of 0 bytes counts as full. A user without a quota comes before the emptiest. */
const PERCENT = `CASE WHEN u.quota_bytes IS NULL THEN -1.0
  WHEN u.quota_bytes = 0 THEN 1.0 ELSE CAST(u.used_bytes AS DOUBLE PRECISION) / u.quota_bytes END`;

/** The number at a name's end counts as one, as people read it: user2 comes before user10. */
const NATURAL = ["rtrim(u.name, '0123456789')", "length(u.name)", "u.name"];

const ORDERS: Readonly<Record<UserOrder, readonly string[]>> = {
  name: [],
  role: ["u.role"],
  state: ["u.enabled"],
  used: ["u.used_bytes"],
  percent: [PERCENT],
  files: ["u.used_files"],
  sessions: ["coalesce(s.sessions, 0)"],
  login: ["coalesce(u.last_login_at, 0)"],
};

const SESSIONS = `(SELECT user_id, count(*) AS sessions FROM sessions
  WHERE node_id IN (SELECT value FROM json_each(@live)) GROUP BY user_id)`;

const columnsOf = (
  connection: Connection,
): string => `u.id, u.name, u.role, u.enabled, u.password_hash IS NOT NULL AS "hasPassword",
  (SELECT count(*) FROM user_keys k WHERE k.user_id = u.id) AS keys,
  u.quota_bytes AS "quotaBytes", u.quota_files AS "quotaFiles", u.used_bytes AS "usedBytes",
  u.used_files AS "usedFiles", coalesce(s.sessions, 0) AS sessions, u.created_at AS "createdAt",
  u.last_login_at AS "lastLoginAt", u.quota_own AS "quotaOwn", u.password_change AS "passwordChange",
  EXISTS (SELECT 1 FROM totp t WHERE t.user_id = u.id) AS "hasFactor",
  ${LIMIT_COLUMNS.map((column) => `u.${column}`).join(", ")}, ${membershipsSql(connection, "u.id")} AS memberships`;

function select(
  connection: Connection,
  { order, descending }: Pick<UserPageRequest, "order" | "descending">,
): string {
  // The name makes the order total: pages neither overlap nor leave anybody out.
  const direction = descending ? "DESC" : "ASC";
  const names = NATURAL.map((term) => (order === "name" ? `${term} ${direction}` : term));
  const by = [...ORDERS[order].map((term) => `${term} ${direction}`), ...names].join(", ");
  return `SELECT ${columnsOf(connection)} FROM homes u LEFT JOIN ${SESSIONS} s ON s.user_id = u.id
    WHERE u.id IN (SELECT u.id FROM homes u LEFT JOIN ${SESSIONS} s ON s.user_id = u.id
      WHERE u.kind = 'user' AND u.name LIKE @pattern ESCAPE '\\' ORDER BY ${by} LIMIT @limit OFFSET @offset)
    ORDER BY ${by}`;
}

/** Text that LIKE takes as it is (with ESCAPE '\'), anywhere in the name. */
function containing(filter: string): string {
  return `%${filter.replace(/[\\%_]/g, "\\$&")}%`;
}

function toListed(row: Row): ListedUser {
  const { memberships, ...rest } = row;
  for (const column of LIMIT_COLUMNS) delete (rest as Partial<Row>)[column];
  const quotaOwn = row.quotaOwn === 1;
  const { quotaBytes } = row;
  const standing = standingOf(row, memberships, { quotaOwn, quotaBytes });
  const { own, groups, origins, quotaGroups } = standing;
  const flags = {
    enabled: row.enabled === 1,
    hasPassword: row.hasPassword === 1,
    passwordChange: row.passwordChange === 1,
    hasFactor: row.hasFactor === 1,
    quotaOwn,
  };
  const effective = limitsOf(standing);
  return { ...rest, ...own, ...flags, groups, origins, quotaGroups, effective };
}

/** Users in pages, in any order, quick with very many of them. */
export class UserPageStore {
  readonly #connection: Connection;
  readonly #nodes: NodeStore;

  constructor(connection: Connection, nodes: NodeStore) {
    this.#connection = connection;
    this.#nodes = nodes;
  }

  /** The page and how many users there are in all whose name contains the filter. */
  async page(request: UserPageRequest): Promise<{ total: number; rows: ListedUser[] }> {
    const pattern = containing(request.filter);
    return this.#connection.reading(() => {
      const total = this.#connection
        .prepare<[string], number>(
          "SELECT count(*) FROM homes u WHERE u.kind = 'user' AND u.name LIKE ? ESCAPE '\\'",
        )
        .pluck()
        .get(pattern);
      const rows = this.#connection.prepare<[object], Row>(select(this.#connection, request)).all({
        pattern,
        limit: request.limit,
        offset: request.offset,
        live: this.#nodes.liveWithSessions(),
      });
      return { total: total ?? 0, rows: rows.map(toListed) };
    });
  }

  /** One user as lists show it. */
  async one(name: string): Promise<ListedUser | undefined> {
    const sql = `SELECT ${columnsOf(this.#connection)} FROM homes u LEFT JOIN ${SESSIONS} s ON s.user_id = u.id
      WHERE u.name = @name AND u.kind = 'user'`;
    const live = this.#nodes.liveWithSessions();
    const row = this.#connection.prepare<[object], Row>(sql).get({ name, live });
    return row && toListed(row);
  }
}
