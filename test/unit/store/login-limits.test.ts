import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  effectiveLimits,
  type GroupLimits,
  LIMIT_COLUMNS,
  LIMIT_FIELDS,
  limitValues,
  NO_LIMITS,
  toLimits,
} from "../../../src/store/login-limits.ts";
import { inheritedQuota } from "../../../src/store/memberships.ts";
import { LOGIN_METHODS, type LoginFactor, type LoginLimits } from "../../../src/store/types.ts";

function group(name: string, limits: Partial<LoginLimits>): GroupLimits {
  return { ...NO_LIMITS, name, ...limits };
}

describe("the limits in force", () => {
  test("without groups are the user's own", () => {
    const own = { ...NO_LIMITS, maxSessions: 2 };
    expect(effectiveLimits(own, [])).toEqual({ limits: own, origins: {} });
  });

  test("are of a group where the user has none, field by field, and the own value wins", () => {
    const own = { ...NO_LIMITS, maxSessions: 2 };
    const students = group("students", { maxSessions: 9, from: ["192.0.2.0/24"] });
    expect(effectiveLimits(own, [students])).toEqual({
      limits: { ...NO_LIMITS, maxSessions: 2, from: ["192.0.2.0/24"] },
      origins: { from: ["students"] },
    });
  });

  test("are the most generous of several groups", () => {
    const one = group("one", { expiresAt: 5, from: ["a", "b"], auth: ["key"], maxSessions: 3 });
    const two = group("two", { expiresAt: 7, from: ["b", "c"], auth: ["password"] });
    const three = group("three", {});
    expect(effectiveLimits(NO_LIMITS, [one, two, three])).toEqual({
      limits: {
        ...NO_LIMITS,
        expiresAt: 7,
        from: ["a", "b", "c"],
        auth: ["key", "password"],
        maxSessions: 3,
      },
      origins: {
        expiresAt: ["two"],
        from: ["one", "two"],
        auth: ["one", "two"],
        maxSessions: ["one"],
      },
    });
  });

  test("name the one group that gives all of a list, though others give a part", () => {
    const all = group("all", { auth: ["key", "password"] });
    const part = group("part", { auth: ["password"] });
    expect(effectiveLimits(NO_LIMITS, [part, all]).origins).toEqual({ auth: ["all"] });
  });
});

const LIMITS: fc.Arbitrary<LoginLimits> = fc.record({
  expiresAt: fc.option(fc.nat()),
  from: fc.option(fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { minLength: 1 })),
  auth: fc.option(fc.subarray([...LOGIN_METHODS], { minLength: 1 })),
  maxSessions: fc.option(fc.integer({ min: 1, max: 9 })),
  uploadRate: fc.option(fc.integer({ min: 1, max: 9 })),
  downloadRate: fc.option(fc.integer({ min: 1, max: 9 })),
  trashKeep: fc.option(fc.nat(5)),
  require: fc.option(fc.constant<readonly LoginFactor[]>(["totp"])),
});
const GROUPS = fc
  .array(LIMITS, { maxLength: 5 })
  .map((all) => all.map((limits, at) => ({ ...limits, name: `g${at}` })));

/** What one limit allows no more than the other does. */
function isAtMost(one: unknown, other: unknown): boolean {
  if (!Array.isArray(one)) return Number(one) <= Number(other);
  return one.every((part) => (other as unknown[]).includes(part));
}

function sorted(limits: LoginLimits) {
  return LIMIT_FIELDS.map((field) => {
    const value: unknown = limits[field];
    return Array.isArray(value) ? [...value].sort() : value;
  });
}

test("property: no group makes less of what another gives, and own values are untouched", () => {
  fc.assert(
    fc.property(LIMITS, GROUPS, (own, groups) => {
      const { limits, origins } = effectiveLimits(own, groups);
      for (const field of LIMIT_FIELDS) {
        const given = groups.flatMap((one) => (one[field] === null ? [] : [one[field]]));
        if (own[field] !== null || given.length === 0) {
          expect(limits[field]).toEqual(own[field]);
          expect(origins[field]).toBeUndefined();
          continue;
        }
        for (const value of given) expect(isAtMost(value, limits[field])).toBe(true);
        // The groups that are named give it without all others.
        const named = groups.filter(({ name }) => origins[field]?.includes(name));
        const again = effectiveLimits(own, named).limits;
        expect(sorted(again)[LIMIT_FIELDS.indexOf(field)]).toEqual(
          sorted(limits)[LIMIT_FIELDS.indexOf(field)],
        );
      }
    }),
  );
});

test("property: the order of the groups makes no difference", () => {
  fc.assert(
    fc.property(LIMITS, GROUPS, (own, groups) => {
      const one = effectiveLimits(own, groups).limits;
      expect(sorted(effectiveLimits(own, [...groups].reverse()).limits)).toEqual(sorted(one));
    }),
  );
});

test("property: columns give back the limits that were put into them", () => {
  fc.assert(
    fc.property(LIMITS, LIMITS, (limits, before) => {
      const row = (all: LoginLimits) =>
        Object.fromEntries(
          limitValues(all).map((value, at) => [LIMIT_COLUMNS[at], value]),
        ) as never;
      expect(toLimits(row(limits))).toEqual(limits);
      expect(limitValues({}, row(before))).toEqual(limitValues(before));
    }),
  );
});

test.each([
  [[], 7, 7],
  [[], null, null],
  [[{ hasQuota: false, quotaBytes: null }], 7, 7],
  [[{ hasQuota: true, quotaBytes: 3 }], 7, 3],
  [
    [
      { hasQuota: true, quotaBytes: 3 },
      { hasQuota: true, quotaBytes: 5 },
    ],
    7,
    5,
  ],
  [
    [
      { hasQuota: true, quotaBytes: 3 },
      { hasQuota: true, quotaBytes: null },
    ],
    7,
    null,
  ],
  [
    [
      { hasQuota: true, quotaBytes: 0 },
      { hasQuota: false, quotaBytes: null },
    ],
    7,
    0,
  ],
])("groups %j and the default %s: a quota of %s", (groups, otherwise, expected) => {
  expect(inheritedQuota(groups, otherwise)).toBe(expected);
});
