import type { LoginLimits } from "./types.ts";

type Values = { readonly [F in keyof LoginLimits]: NonNullable<LoginLimits[F]> };

/** How one field of the limits is kept, and what two groups that both set it give together. */
interface LimitField<T> {
  /** of `homes` and of `groups` */
  readonly column: string;
  /** lists are kept as JSON */
  readonly isList: boolean;
  /** the more generous of two */
  readonly combine: (one: T, other: T) => T;
}

const larger = (one: number, other: number): number => Math.max(one, other);
const union = <T>(one: readonly T[], other: readonly T[]): readonly T[] => [
  ...new Set([...one, ...other]),
];

/** One line a field: all that the store and the limits in force know of it. */
const FIELDS = {
  expiresAt: { column: "expires_at", isList: false, combine: larger },
  from: { column: "login_from", isList: true, combine: union },
  auth: { column: "login_methods", isList: true, combine: union },
  maxSessions: { column: "max_sessions", isList: false, combine: larger },
  uploadRate: { column: "upload_rate", isList: false, combine: larger },
  downloadRate: { column: "download_rate", isList: false, combine: larger },
  trashKeep: { column: "trash_keep", isList: false, combine: larger },
  require: { column: "login_requires", isList: true, combine: union },
} as const satisfies { readonly [F in keyof LoginLimits]: LimitField<Values[F]> };

type Column = (typeof FIELDS)[keyof LoginLimits]["column"];

/** The columns of a user's or a group's row that limit the logins. */
export type LimitColumns = Readonly<Record<Column, number | string | null>>;

/** In the order of {@link limitValues}. */
export const LIMIT_FIELDS = Object.keys(FIELDS) as readonly (keyof LoginLimits)[];
export const LIMIT_COLUMNS: readonly Column[] = LIMIT_FIELDS.map((name) => FIELDS[name].column);

function eachField<T>(value: (field: keyof LoginLimits) => T): Record<keyof LoginLimits, T> {
  const all = LIMIT_FIELDS.map((field) => [field, value(field)] as const);
  return Object.fromEntries(all) as Record<keyof LoginLimits, T>;
}

/** Nothing is limited. */
export const NO_LIMITS: LoginLimits = eachField(() => null);

/** The limits alone, of something that has more. */
export function limitsOf(some: LoginLimits): LoginLimits {
  return eachField((field) => some[field]) as unknown as LoginLimits;
}

export function toLimits(row: LimitColumns): LoginLimits {
  return eachField((field) => {
    const { column, isList } = FIELDS[field];
    const kept = row[column];
    return isList && typeof kept === "string" ? JSON.parse(kept) : kept;
  }) as LoginLimits;
}

/** The columns in the order of {@link LIMIT_COLUMNS}; what `change` leaves out is as in `before`. */
export function limitValues(
  change: Partial<LoginLimits>,
  before?: LimitColumns,
): readonly (number | string | null)[] {
  const known = before === undefined ? NO_LIMITS : toLimits(before);
  return LIMIT_FIELDS.map((field) => {
    const value = change[field] === undefined ? known[field] : change[field];
    return Array.isArray(value) ? JSON.stringify(value) : (value as number | string | null);
  });
}

/** The limits that a group's members have through it. */
export interface GroupLimits extends LoginLimits {
  readonly name: string;
}

/** Of each limit that is a group's the names of the groups; absent: the user's own, or nobody's. */
export type LimitOrigins = { readonly [F in keyof LoginLimits]?: readonly string[] };

/** What a user is limited to, and through which groups. */
export interface EffectiveLimits {
  readonly limits: LoginLimits;
  readonly origins: LimitOrigins;
}

/**
 * What a user is limited to, field by field: the own value where there is one, else the most
 * generous of the groups that set one.
 */
export function effectiveLimits(own: LoginLimits, groups: readonly GroupLimits[]): EffectiveLimits {
  const found = LIMIT_FIELDS.flatMap((field) => {
    const given = own[field] === null ? ofGroups(field, groups) : undefined;
    return given === undefined ? [] : [[field, given] as const];
  });
  const limits = Object.fromEntries(found.map(([field, { value }]) => [field, value]));
  const origins = Object.fromEntries(found.map(([field, { names }]) => [field, names]));
  return { limits: { ...limitsOf(own), ...limits }, origins };
}

function ofGroups(
  field: keyof LoginLimits,
  groups: readonly GroupLimits[],
): { readonly value: unknown; readonly names: readonly string[] } | undefined {
  const { combine } = FIELDS[field] as LimitField<unknown>;
  const setting = groups.filter((group) => group[field] !== null);
  if (setting.length === 0) return undefined;
  const value = setting.map((group): unknown => group[field]).reduce((a, b) => combine(a, b));
  // One group alone may give all that counts; the others make no difference then.
  const alone = setting.filter((group) => isSame(group[field], value));
  return { value, names: (alone.length > 0 ? alone : setting).map(({ name }) => name) };
}

function isSame(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((part) => other.includes(part));
}
