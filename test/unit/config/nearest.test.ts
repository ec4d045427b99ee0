import { expect, test } from "vitest";
import { lengthsNear, nearest } from "../../../src/config/nearest.ts";

const NAMES = ["alice", "bob", "caroline", "@projects", "web-team", "x"];

test.each([
  ["alcie", "alice"],
  ["laice", "alice"],
  ["alic", "alice"],
  ["allice", "alice"],
  ["slice", "alice"],
  ["ALICE", "alice"],
  ["bo", "bob"],
  ["carolien", "caroline"],
  ["craolien", "caroline"],
  ["projects", "@projects"],
  ["@projetcs", "@projects"],
  ["webteam", "web-team"],
  ["alcei", undefined],
  ["bill", undefined],
  ["y", undefined],
  ["", undefined],
  ["@", undefined],
])("%j is probably %j", (word, meant) => {
  expect(nearest(word, NAMES)).toBe(meant);
  const { least, most } = lengthsNear(word);
  if (meant !== undefined) {
    expect(meant.length).toBeGreaterThanOrEqual(least);
    expect(meant.length).toBeLessThanOrEqual(most);
  }
});

test("the nearest of several that are near, and of equally near ones the first", () => {
  expect(nearest("maxsession", ["max-sessioned", "max-sessions", "max-session"])).toBe(
    "max-session",
  );
  expect(nearest("tom", ["tim", "tam"])).toBe("tim");
});
