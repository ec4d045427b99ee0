import { describe, expect, it } from "vitest";
import {
  agoText,
  bar,
  countText,
  graph,
  graphTop,
  groupedText,
  niceTop,
  percentText,
  share,
  spanText,
} from "../../../admin/format.ts";
import { parseFiles, parseQuota, quotaText } from "../../../admin/quota.ts";

describe("numbers for people", () => {
  it.each([
    [spanText(0), "0s"],
    [spanText(61_000), "1m 01s"],
    [spanText(7_325_000), "2h 02m"],
    [spanText(90_000_000), "1d 01h"],
    [spanText(-5), "0s"],
    [agoText(null, 0), "never"],
    [agoText(1000, 1500), "now"],
    [agoText(0, 59_000), "59s ago"],
    [agoText(0, 3_600_000), "1h ago"],
    [agoText(0, 200_000_000), "2d ago"],
    [groupedText(999), "999"],
    [groupedText(1_234_567), "1,234,567"],
    [countText(99_999), "99,999"],
    [countText(1_234_567), "1,234k"],
    [countText(12_345_678), "12M"],
    [percentText(share(50, 100)), "50%"],
    [percentText(share(99.99, 100)), "99%"],
    [percentText(share(1, 0)), ">999%"],
    [percentText(share(0, 0)), "100%"],
    [percentText(share(1, null)), "-"],
  ])("%s", (shown, expected) => {
    expect(shown).toBe(expected);
  });

  it("cuts off a peak that would flatten all the rest, and no other", () => {
    expect(graphTop([])).toBe(1000);
    expect(graphTop([0, 0, 5e6])).toBe(5e6);
    expect(graphTop([1e6, 2e6, 3e6])).toBe(5e6);
    const usual = Array.from({ length: 50 }, () => 1e6);
    expect(graphTop([...usual, 9e8])).toBe(1e6);
    expect(graphTop([...usual, 3e6])).toBe(5e6);
  });

  it("fills bars in eighths", () => {
    expect(bar(0, 4)).toBe("····");
    expect(bar(0.5, 4)).toBe("██··");
    expect(bar(0.6, 4)).toBe("██▍·");
    expect(bar(7, 4)).toBe("████");
  });

  it("draws columns, the uppermost row first", () => {
    expect(graph([0, 1, 8, 12, 16], 2, 16)).toEqual(["   ▄█", " ▁███"]);
    expect(graph([5], 1, 0)).toEqual([" "]);
  });

  it("ends graphs at 1, 2 or 5 of a unit", () => {
    expect([0, 1001, 2500, 60e6].map(niceTop)).toEqual([1000, 2000, 5000, 1e8]);
  });
});

describe("quotas as typed", () => {
  it.each([
    ["10GB", 10e9],
    ["1 GiB", 2 ** 30],
    ["1024", 1024],
    ["none", null],
    [" None ", null],
  ])("%j is %s", (text, value) => {
    expect(parseQuota(text)).toEqual({ value });
  });

  it.each(["", "ten", "-1GB", "10XB", "99999999PB"])("%j is refused in words", (text) => {
    expect(parseQuota(text)).toEqual({ error: expect.stringMatching(/^the quota is /) });
  });

  it("are read back as they are shown", () => {
    for (const bytes of [0, 1, 10_240_000_000, 2 ** 40, null]) {
      expect(parseQuota(quotaText(bytes))).toEqual({ value: bytes });
    }
  });

  it.each([
    ["", { value: null }],
    ["none", { value: null }],
    ["1000", { value: 1000 }],
    ["x", { error: "the most files is not a number" }],
    ["1e9", { error: "the most files is not a number" }],
  ])("a number of files: %j", (text, parsed) => {
    expect(parseFiles(text)).toEqual(parsed);
  });
});
