import { expect, test } from "vitest";
import { fullnessLines, markOf } from "../../../src/text/fullness.ts";

const GB = 1e9;

test.each([
  [0, 100, 0],
  [79, 100, 0],
  [80, 100, 80],
  [94, 100, 80],
  [95, 100, 95],
  [300, 100, 95],
  [5, 0, 0],
  [5, null, 0],
])("%d of %d stands above the mark %d", (used, quota, mark) => {
  expect(markOf(used, quota)).toBe(mark);
});

test("a user is told how full the home is, from the first mark on", () => {
  const none = { usedBytes: 7.9 * GB, quotaBytes: 10 * GB, usedFiles: 10, quotaFiles: null };
  expect(fullnessLines("Your home", none)).toEqual([]);
  const full = { usedBytes: 9.84 * GB, quotaBytes: 10.24 * GB, usedFiles: 96, quotaFiles: 100 };
  expect(fullnessLines("Your home", full)).toEqual([
    "Your home is 96 % full: 9.84 GB of 10.2 GB used, 400 MB free.",
    "Your home has 96 % of its files: 96 of 100, 4 free.",
  ]);
  const over = { ...none, usedBytes: 12 * GB };
  expect(fullnessLines("Your home", over)).toEqual([
    "Your home is 120 % full: 12.0 GB of 10.0 GB used, 0 B free.",
  ]);
});
