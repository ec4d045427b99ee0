import { describe, expect, test } from "vitest";
import { literal, OwnComments, withoutKey, withValue } from "../../../src/config/toml-edit.ts";

const QUEUE = ["limits", "queue"] as const;

describe("a value is written in its place", () => {
  test.each([
    ["[limits]\nqueue = 1\n", "[limits]\nqueue = 9\n"],
    ["[limits]\r\n  queue=1 # why\r\n\r\n", "[limits]\r\n  queue=9 # why\r\n\r\n"],
    ["limits.queue = 1", "limits.queue = 9"],
    ["limits . 'queue' = 1\n", "limits . 'queue' = 9\n"],
    ['"limits"."queue" = 1\n', '"limits"."queue" = 9\n'],
    ['[ "limits" ]\n"queue" = """\n1"" """ # x\n', '[ "limits" ]\n"queue" = 9 # x\n'],
    ["limits = { a = 1, queue = [1,\n2], b = '}' }\n", "limits = { a = 1, queue = 9, b = '}' }\n"],
    ["[limits]\nqueue = [\n  1,\n  [2],\n]\nb = 2\n", "[limits]\nqueue = 9\nb = 2\n"],
    ["[limits]\nqueue = 1979-05-27 07:32:00 # t\n", "[limits]\nqueue = 9 # t\n"],
  ])("%j", (before, after) => {
    expect(withValue(before, QUEUE, "9")).toBe(after);
  });

  test.each([
    [
      "a string that looks like it",
      '[a]\nb = """\n[limits]\nqueue = 1\n"""\n[limits]\nqueue = 1\n',
    ],
    ["a comment that looks like it", "# [limits]\n# queue = 1\n[limits] # [x]\nqueue = 1\n"],
    ["another table's", "[other]\nqueue = 1\n[limits]\nqueue = 1\n"],
    ["a table of several", "[[limits2]]\nqueue = 1\n[limits]\nqueue = 1\n"],
    ["a literal string", "[a]\nb = '\\'\nc = '''\n''''\n[limits]\nqueue = 1\n"],
  ])("and not in %s", (_, text) => {
    expect(withValue(text, QUEUE, "9")).toBe(text.replace(/1\n$/, "9\n"));
  });
});

describe("a key that is missing is added", () => {
  test.each([
    ["", "[limits]\nqueue = 9\n"],
    ["# nothing yet", "# nothing yet\n\n[limits]\nqueue = 9\n"],
    ["a.b = 1\n\n", "a.b = 1\n\n[limits]\nqueue = 9\n"],
    ["[[events]]\nname = 'x'\n", "[[events]]\nname = 'x'\n\n[limits]\nqueue = 9\n"],
    ["[a]\r\nb = 1\r\n", "[a]\r\nb = 1\r\n\r\n[limits]\r\nqueue = 9\r\n"],
    ["[limits]", "[limits]\nqueue = 9\n"],
    ["[limits] # all\n\n[b]\nc = 1\n", "[limits] # all\nqueue = 9\n\n[b]\nc = 1\n"],
    [
      "[limits]\n  a = [ # x\n  1 ] # one\n  # end\n[b]\nc = 1\n",
      "[limits]\n  a = [ # x\n  1 ] # one\n  queue = 9\n  # end\n[b]\nc = 1\n",
    ],
    ["limits.a = 1\nb.c = 1", "limits.a = 1\nlimits.queue = 9\nb.c = 1"],
    ["limits = {}\n", "limits = { queue = 9}\n"],
    ["limits = { a = 1 }\n", "limits = { queue = 9, a = 1 }\n"],
  ])("%j", (before, after) => {
    expect(withValue(before, QUEUE, "9")).toBe(after);
  });
});

describe("a key goes", () => {
  test.each([
    ["[limits]\nqueue = 1\nb = 2\n", "[limits]\nb = 2\n"],
    ["[limits]\nb = 2\nqueue = 1", "[limits]\nb = 2\n"],
    ["[limits]\n  queue = [\n1]\r\nb = 2\n", "[limits]\nb = 2\n"],
    ["[limits]\n  queue = 1 # why\nb = 2\n", "[limits]\n  # why\nb = 2\n"],
    ["limits = { a = 1, queue = 2 }\n", "limits = { a = 1 }\n"],
    ["limits = { queue = 2, a = 1 }\n", "limits = { a = 1 }\n"],
    ["limits = { queue = 2 }\n", "limits = {  }\n"],
    ["queue = 1\n", "queue = 1\n"],
  ])("%j", (before, after) => {
    expect(withoutKey(before, QUEUE)).toBe(after);
  });
});

test("a value with comments of its own is left to people", () => {
  const text = '[limits]\nqueue = [\n  "a", # one\n]\n';
  expect(() => withValue(text, QUEUE, "9")).toThrow(OwnComments);
  expect(() => withoutKey(text, QUEUE)).toThrow(OwnComments);
  expect(withValue(text.replace(/"a".*/, '"#"'), QUEUE, "9")).toBe("[limits]\nqueue = 9\n");
});

test("values are written so that no character of them is more than that", () => {
  expect(literal('a"\n\\\u007f]')).toBe('"a\\"\\n\\\\\\u007f]"');
  expect(literal(["a", "b"])).toBe('["a", "b"]');
  expect([true, 7].map(literal)).toEqual(["true", "7"]);
});
