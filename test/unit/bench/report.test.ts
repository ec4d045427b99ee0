import { describe, expect, it } from "vitest";
import { columns, median, percentile } from "../../bench/report.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, i) => count - i);

describe("percentile", () => {
  it.each([
    [upTo(100), 50, 50],
    [upTo(100), 99, 99],
    [upTo(1_000), 99, 990],
    [upTo(10), 99, 10],
    [upTo(3), 50, 2],
    [upTo(4), 100, 4],
    [[7], 1, 7],
    [[10, 9, 2], 50, 9],
  ])("of %j, %i %%: %i", (values, percent, expected) => {
    expect(percentile(values, percent)).toBe(expected);
  });

  it("is no number without values", () => {
    expect(percentile([], 50)).toBeNaN();
  });

  it("leaves the values in their order", () => {
    const values = [3, 1, 2];
    percentile(values, 50);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("median", () => {
  it.each([
    [[10, 9, 2], 9],
    [[4, 1, 3, 2], 2.5],
  ])("of %j is %d", (values, expected) => {
    expect(median(values)).toBe(expected);
  });
});

describe("columns", () => {
  it("are aligned: names left, figures right, nothing behind the last", () => {
    const rows = [
      ["", "unit", "ours", ""],
      ["get", "ms", "10.5", "x"],
      ["stat p50", "µs", "7", ""],
    ];
    expect(columns(rows, 2)).toEqual([
      "          unit  ours",
      "get       ms    10.5  x",
      "stat p50  µs       7",
    ]);
  });
});
