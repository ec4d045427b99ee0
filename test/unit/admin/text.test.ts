import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clip, clipStart, safe, sized, textWidth, wrap } from "../../../admin/text.ts";

const anything = fc.string({ unit: "binary" });
const PRINTABLE = /^[\p{L}\p{N}\p{P}\p{S} ]*$/u;

describe("safe text", () => {
  it.each([
    ["plain {bold}text{/}", "plain {bold}text{/}"],
    ["\u001b[31mred", "\\x1b[31mred"],
    ["a\nb\tc\rd\u0000", "a\\nb\\tc\\x0dd\\x00"],
    ["\u009b31m", "\\x9b31m"],
    ["\u202egnp.exe", "\\u{202e}gnp.exe"],
    ["a\u200db", "a\\u{200d}b"],
    ["e\u0301", "é"],
    ["x\u0301", "x\\u{301}"],
    ["a\u3164b", "a\\u{3164}b"],
    ["宽字", "宽字"],
    ["\ud800", "\u{FFFD}"],
  ])("%j is shown as %s", (text, shown) => {
    expect(safe(text)).toBe(shown);
  });

  it("has nothing but what stands alone in its columns, and is the same made safe again", () => {
    fc.assert(
      fc.property(anything, (text) => {
        expect(safe(text)).toMatch(PRINTABLE);
        expect(safe(safe(text))).toBe(safe(text));
      }),
    );
  });
});

describe("text in columns", () => {
  it("counts wide characters as two", () => {
    expect(textWidth("abc")).toBe(3);
    expect(textWidth("宽字é🙂")).toBe(7);
  });

  it.each([
    [clip("abcdef", 4), "abc…"],
    [clip("宽字宽", 4), "宽…"],
    [clip("abc", 3), "abc"],
    [clip("abc", 0), ""],
    [clipStart("/a/long/path.txt", 9), "…path.txt"],
    [clipStart("宽字宽字", 4), "…字"],
  ])("is cut off where it doesn't fit: %s", (cut, expected) => {
    expect(cut).toBe(expected);
  });

  it("is exactly as wide as asked for, whatever it is", () => {
    const align = fc.constantFrom("left", "right", "start") as fc.Arbitrary<"left">;
    fc.assert(
      fc.property(anything, fc.nat(40), align, (text, columns, where) => {
        expect(textWidth(sized(text, columns, where))).toBe(columns);
      }),
    );
  });

  it("is wrapped into lines that fit, without losing any of it", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "宽", " ", "\n", "é") });
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 30 }), (words, columns) => {
        const lines = wrap(words, columns);
        for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(columns);
        expect(lines.join("").replace(/\s/g, "")).toBe(words.replace(/\s/g, ""));
      }),
    );
  });
});
