import { describe, expect, it } from "vitest";
import { Exclusion } from "../../../../src/client/transfer/exclude.ts";

describe("a pattern of --exclude", () => {
  it.each([
    ["*.tmp", "a.tmp", true],
    ["*.tmp", "deep/er/a.tmp", true],
    ["*.tmp", "a.tmp/kept", false],
    ["build", "x/build", true],
    ["x/build", "x/build", true],
    ["x/build", "y/x/build", false],
    ["/build", "build", true],
    ["/build", "x/build", false],
    ["**/x/build", "y/x/build", true],
    ["x/**/z", "x/z", true],
    ["x/**/z", "x/a/b/z", true],
    ["x/**", "x/a/b", true],
    ["[ab]?", "b1", true],
  ])("%s matches %s: %s", (pattern, path, matches) => {
    expect(new Exclusion([pattern]).has(path, false)).toBe(matches);
  });

  it("with a slash at its end counts for directories only", () => {
    const exclusion = new Exclusion(["cache/"]);
    expect([exclusion.has("a/cache", true), exclusion.has("a/cache", false)]).toEqual([
      true,
      false,
    ]);
  });
});
