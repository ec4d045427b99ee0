import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Quote, quoteWord, splitWords } from "../../../../../src/cli/client/shell/words.ts";

const texts = (line: string): string[] => splitWords(line).map(({ text }) => text);

describe("a line", () => {
  it("is split at blanks, outside of quotes", () => {
    expect(texts("  get a\tb  ")).toEqual(["get", "a", "b"]);
    expect(texts(`get 'a  b' "c 'd'" e\\ f g""h ''`)).toEqual([
      "get",
      "a  b",
      "c 'd'",
      "e f",
      "gh",
      "",
    ]);
    expect(texts("")).toEqual([]);
  });

  it("takes a backslash in double quotes for what it is, but before itself and the quote", () => {
    expect(texts(String.raw`"a\b" "a\"b" "a\\b" 'a\b' a\b`)).toEqual([
      "a\\b",
      'a"b',
      "a\\b",
      "a\\b",
      "ab",
    ]);
  });

  it("takes signs that mean something to other shells as they are", () => {
    expect(texts("get R&D;(1)$HOME|x>y`z`")).toEqual(["get", "R&D;(1)$HOME|x>y`z`"]);
  });

  it("is refused with an open quote", () => {
    expect(() => splitWords("get 'a")).toThrow("the quote ' is not closed");
    expect(() => splitWords('get "a')).toThrow('the quote " is not closed');
  });

  it("knows patterns from quoted signs", () => {
    const patterns = splitWords(`*.txt '*.txt' "a*"b* a\\*`).map(({ pattern }) => pattern);
    expect(patterns).toEqual(["*.txt", undefined, "a\\*b*", undefined]);
  });

  it("knows the home directory when it is not quoted", () => {
    expect(splitWords("~ ~/a '~' \\~ a~ ~bob").map(({ home }) => home)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

it("reads back any text that it has quoted, in whatever quotes were begun", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1, maxLength: 12, unit: "binary" }),
      fc.constantFrom<Quote>("", "'", '"'),
      (text, quote) => {
        fc.pre(!/[\r\n]/.test(text) || quote !== "");
        const words = splitWords(`a ${quote}${quoteWord(text, quote)}${quote} b`);
        expect(words.map((word) => word.text)).toEqual(["a", text, "b"]);
        expect(words[1]?.pattern).toBeUndefined();
        expect(words[1]?.home).toBe(false);
      },
    ),
  );
});
