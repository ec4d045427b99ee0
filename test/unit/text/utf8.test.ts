import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUtf8, isUnambiguous } from "../../../src/text/utf8.ts";

describe("decodeUtf8", () => {
  it.each(["", "secret", "gr\u00fc\u00dfe", "\ufeffmarked", "\ufffd", "\u{1f9ad}"])(
    "takes nothing from %j and adds nothing",
    (text) => {
      expect(decodeUtf8(Buffer.from(text))).toBe(text);
    },
  );

  it.each([
    ["latin1", "6772fcdf65"],
    ["half a character", "c3"],
    ["an overlong form", "c0af"],
    ["a surrogate", "eda080"],
    ["beyond U+10FFFF", "f4908080"],
  ])("knows no text for %s", (_, hex) => {
    expect(decodeUtf8(Buffer.from(hex, "hex"))).toBeUndefined();
  });

  it("gives text only for the bytes that are it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const text = decodeUtf8(bytes);
        if (text !== undefined) expect(Buffer.from(text)).toEqual(Buffer.from(bytes));
        else expect(isUnambiguous(Buffer.from(bytes).toString("utf8"))).toBe(false);
      }),
    );
  });
});

describe("isUnambiguous", () => {
  it.each(["\ufffd", "a\ud800", "\udc80b", "\udc80\ud800"])("%j may stand for others", (text) => {
    expect(isUnambiguous(text)).toBe(false);
  });

  it("two unambiguous texts are never the same bytes", () => {
    const text = fc.string({ unit: "binary", maxLength: 6 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        if (!isUnambiguous(one) || !isUnambiguous(other)) return;
        expect(Buffer.from(one).equals(Buffer.from(other))).toBe(one === other);
      }),
    );
  });
});
