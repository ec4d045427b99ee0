import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { isSafe, masked, safeJson, visible, visibleLines } from "../../../src/text/safe.ts";

/** One of each kind that must not reach a terminal or a log. */
const UNSAFE = [
  "\u0000",
  "\u0007",
  "\u001b",
  "\n",
  "\u007f",
  "\u0085",
  "\u009b",
  "\u00ad",
  "\u034f",
  "\u115f",
  "\u1160",
  "\u3164",
  "\uffa0",
  "\u061c",
  "\u180e",
  "\u200b",
  "\u200e",
  "\u200f",
  "\u2028",
  "\u2029",
  "\u202a",
  "\u202e",
  "\u2060",
  "\u2066",
  "\u2069",
  "\ufeff",
  "\ufffb",
  "\u2063",
  "\u{1d173}",
  "\u{e0041}",
  "\udcfc",
];

const anyText = fc.string({ unit: "binary", maxLength: 60 });

describe("text that is shown", () => {
  it.each(UNSAFE.map((char) => [char.codePointAt(0)?.toString(16), char]))(
    "never holds U+%s",
    (_code, char) => {
      expect(isSafe(`a${char}b`)).toBe(false);
      expect(isSafe(visible(`a${char}b`))).toBe(true);
      expect(masked(`a${char}b`, "?")).toBe("a?b");
      expect(isSafe(safeJson({ a: char }).replaceAll("\n", ""))).toBe(true);
    },
  );

  it("keeps what people write", () => {
    const texts = [
      "plain ~",
      "Zoë",
      "日本",
      "می\u200cخواهم",
      "👩\u200d👧 \u2764\ufe0f",
      "a\u0301",
      "葛\u{e0100}",
      "\ue0b0\u00a0",
    ];
    for (const text of texts) {
      expect(visible(text)).toBe(text);
      expect(isSafe(text)).toBe(true);
    }
  });

  it("names what it took out by its code", () => {
    expect(visible("a\x1b[2J\u202eb\n\udcfc")).toBe("a\\x1b[2J\\u{202e}b\\x0a\u{FFFD}");
  });

  it("has lines of its own only where they are asked for", () => {
    expect(visibleLines("a\r\nb\tc\u001b\n")).toEqual(["a", "b    c\\x1b"]);
    expect(visibleLines("1\n2\n3", 2)).toEqual(["1", "2", "..."]);
  });

  it("is safe whatever it is made of, and so is JSON, which says the same", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(isSafe(visible(text))).toBe(true);
        expect(visible(visible(text))).toBe(visible(text));
        expect(isSafe(masked(text, ""))).toBe(true);
        const json = safeJson({ [text]: [text] }, 2);
        expect(isSafe(json.replaceAll("\n", ""))).toBe(true);
        expect(JSON.parse(json)).toEqual({ [text]: [text] });
      }),
    );
  });
});

test("no other place has a set of its own", () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const own = /\\u20[0-2][0-9a-f]|\\u206|\\p\{(C|Cc|Cf|Bidi_C\w*)\}/i;
  // Widths, character classes of patterns, and host names, in which more is refused.
  const others = new Set([
    "src/text/safe.ts",
    "src/text/width.ts",
    "src/text/pattern.ts",
    "src/client/login/target.ts",
  ]);
  const found: string[] = [];
  for (const top of ["src", "admin"]) {
    for (const name of readdirSync(`${root}${top}`, { recursive: true, encoding: "utf8" })) {
      const file = `${top}/${name}`;
      if (!file.endsWith(".ts") || others.has(file)) continue;
      if (own.test(readFileSync(`${root}${file}`, "utf8"))) found.push(file);
    }
  }
  expect(found).toEqual([]);
});
