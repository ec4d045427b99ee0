import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Access, type Rule, type RuleSource } from "../../../src/access/access.ts";
import { ACCESS_MODES, RIGHTS, together } from "../../../src/access/modes.ts";
import { isInside } from "../../../src/access/paths.ts";

function rule(path: string, access: Rule["access"], source: RuleSource = "user", of = "ann"): Rule {
  return { path, access, source, of };
}

describe("which rule counts", () => {
  it("is none in a home without rules", () => {
    expect(new Access([]).at("/a")).toEqual({ path: undefined, access: "full", rules: [] });
  });

  it("is that of the longest path", () => {
    const access = new Access([rule("/", "read"), rule("/a", "none"), rule("/a/b", "full")]);
    expect(
      ["/", "/x", "/a", "/a/x", "/a/b", "/a/b/c", "/ab"].map((p) => access.at(p).access),
    ).toEqual(["read", "read", "none", "none", "full", "full", "read"]);
  });

  it("at one path: the user's own, then a share with the user, then a group's, then its shares", () => {
    const all = [
      rule("/a", "none", "group-share", "@g"),
      rule("/a", "read", "group", "@g"),
      rule("/a", "add", "share"),
      rule("/a", "full", "user"),
    ];
    const accesses = [4, 3, 2, 1].map((n) => new Access(all.slice(0, n)).at("/a").access);
    expect(accesses).toEqual(["full", "add", "read", "none"]);
  });

  it("of several groups what they allow together, in any order", () => {
    const groups = [rule("/a", "read", "group", "@g"), rule("/a", "drop", "group", "@h")];
    expect(new Access(groups).at("/a").access).toBe("add");
    expect(new Access([...groups].reverse()).at("/a").access).toBe("add");
  });
});

describe("what may be seen", () => {
  const access = new Access([
    rule("/a", "none"),
    rule("/a/b/c", "read"),
    rule("/drop", "drop"),
    rule("/gone", "none"),
  ]);

  it.each([
    ["/", true],
    ["/x", true],
    ["/a", true],
    ["/a/b", true],
    ["/a/x", false],
    ["/a/b/x", false],
    ["/a/b/c", true],
    ["/a/b/c/d", true],
    ["/drop", true],
    ["/drop/file", false],
    ["/gone", false],
    ["/gone/x", false],
  ])("%s: %s", (path, visible) => {
    expect(access.isVisible(path)).toBe(visible);
  });

  it("on the way to it, names that lead there", () => {
    expect([...access.passagesIn("/a")]).toEqual(["b"]);
    expect([...access.passagesIn("/")].sort()).toEqual(["a", "drop"]);
    expect([...access.passagesIn("/gone")]).toEqual([]);
  });
});

const mode = fc.constantFrom(...ACCESS_MODES);
const path = fc
  .array(fc.constantFrom("a", "b", "ab"), { maxLength: 4 })
  .map((parts) => `/${parts.join("/")}`);
const rules = fc.array(
  fc.record({
    path,
    access: mode,
    source: fc.constantFrom<RuleSource>("user", "share", "group", "group-share"),
    of: fc.constantFrom("ann", "@g", "@h"),
  }),
  { maxLength: 8 },
);

it("modes of groups together allow what either allows, and nothing else", () => {
  fc.assert(
    fc.property(mode, mode, (one, other) => {
      const both = RIGHTS[together(one, other)];
      for (const right of ["read", "create", "change"] as const) {
        expect(both[right]).toBe(RIGHTS[one][right] || RIGHTS[other][right]);
      }
    }),
  );
});

it("decides as a search through all rules does, whatever their order", () => {
  const order: readonly RuleSource[] = ["user", "share", "group", "group-share"];
  fc.assert(
    fc.property(rules, path, (all, at) => {
      const above = all.filter((one) => isInside(at, one.path));
      const longest = Math.max(-1, ...above.map((one) => one.path.length));
      const there = above.filter((one) => one.path.length === longest);
      const first = order.find((source) => there.some((one) => one.source === source));
      const deciding = there.filter((one) => one.source === first).map((one) => one.access);
      const expected = deciding.length === 0 ? "full" : deciding.reduce(together);
      expect(new Access(all).at(at).access).toBe(expected);
      expect(new Access([...all].reverse()).at(at).access).toBe(expected);
    }),
  );
});

it("shows nothing without a rule that allows it, there, above or below", () => {
  fc.assert(
    fc.property(rules, path, (all, at) => {
      const access = new Access(all);
      if (!access.isVisible(at)) {
        expect(RIGHTS[access.at(at).access].read).toBe(false);
        expect(
          all.some((one) => isInside(one.path, at) && access.at(one.path).access !== "none"),
        ).toBe(false);
      }
    }),
  );
});
