import { expect, test } from "vitest";
import { clockText, dateText, rateText } from "../../../src/text/figures.ts";

test.each([
  [500, "500 B/s"],
  [1_500, "1.50 KB/s"],
  [12_345_678.9, "12.3 MB/s"],
  [5e9, "5.00 GB/s"],
])("%d bytes a second are %s", (rate, text) => {
  expect(rateText(rate)).toBe(text);
});

test("times are local, with two digits each", () => {
  const at = new Date(2026, 0, 3, 4, 5, 6).getTime();
  expect(dateText(at)).toBe("2026-01-03 04:05");
  expect(clockText(at)).toBe("04:05:06");
  expect(dateText(null)).toBe("never");
});
