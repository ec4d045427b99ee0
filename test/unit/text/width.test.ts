import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { charWidth, fitTo, padTo, shorten, width } from "../../../src/text/width.ts";

const anything = fc.string({ unit: "grapheme" });

describe("columns on a terminal", () => {
  it.each([
    ["plain", 5],
    ["", 0],
    ["Zoë", 3],
    ["e\u0301", 1],
    ["宽字", 4],
    ["ｱﾞ", 2],
    ["한국어", 6],
    ["🦭", 2],
    ["❤\ufe0f", 2],
    ["❤", 1],
    ["می\u200cخواهم", 7],
    ["क्ष", 2],
  ])("%j takes %i", (text, columns) => {
    expect(width(text)).toBe(columns);
  });

  it.each([
    ["a", 1],
    ["é", 1],
    ["宽", 2],
    ["🙂", 2],
    ["\u2500", 1],
    ["…", 1],
  ])("the character %j takes %i", (char, columns) => {
    expect(charWidth(char)).toBe(columns);
  });

  it("are exactly those asked for, whatever the text is", () => {
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 40 }), (text, columns) => {
        expect(width(fitTo(text, columns))).toBe(columns);
        expect(width(shorten(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it("are filled up on either side", () => {
    expect(padTo("宽", 4)).toBe("宽  ");
    expect(padTo("宽", 4, "right")).toBe("  宽");
    expect(padTo("long", 2)).toBe("long");
  });

  it("show a name's beginning and end when it is too long", () => {
    expect(shorten("a-long-name.txt", 9)).toBe("a-lo~.txt");
    expect(shorten("short", 9)).toBe("short");
    expect(shorten("x".repeat(100_000), 5)).toBe("xx~xx");
    expect(shorten("anything", 0)).toBe("");
  });
});
