import { expect, test } from "vitest";
import { crossedLines, fullLines } from "../../../../../src/cli/client/report/fullness.ts";

const GB = 1e9;

test("who is nearly full is told so, by the server's name", () => {
  expect(fullLines("ann@h", undefined)).toEqual([]);
  expect(fullLines("ann@h", { totalBytes: 10 * GB, freeBytes: 3 * GB })).toEqual([]);
  const files = { total: 100, free: 4 };
  expect(fullLines("ann@h", { totalBytes: 10 * GB, freeBytes: GB, files })).toEqual([
    "ann@h is 90 % full: 9.00 GB of 10.0 GB used, 1.00 GB free.",
    "ann@h has 96 % of its files: 96 of 100, 4 free.",
  ]);
});

test("after an upload only what it led over is told", () => {
  const space = (freeBytes: number, free: number) => ({
    totalBytes: 10 * GB,
    freeBytes,
    files: { total: 100, free },
  });
  const before = space(GB, 50);
  expect(crossedLines("h", before, space(0.9 * GB, 50))).toEqual([]);
  expect(crossedLines("h", before, space(0.4 * GB, 50))).toEqual([
    "h is 96 % full: 9.60 GB of 10.0 GB used, 400 MB free.",
  ]);
  expect(crossedLines("h", before, space(0.9 * GB, 10))).toEqual([
    "h has 90 % of its files: 90 of 100, 10 free.",
  ]);
  expect(crossedLines("h", undefined, before)).toEqual([]);
  expect(crossedLines("h", before, undefined)).toEqual([]);
});
