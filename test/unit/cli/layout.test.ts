import { expect, test } from "vitest";
import { fitted, flowed, laidOut } from "../../../src/cli/layout.ts";

test("a paragraph flows: its lines are joined, and broken between words", () => {
  expect(laidOut("one two three\nfour five\n\nsix\n", 13)).toBe(
    "one two three\nfour five\n\nsix\n",
  );
  expect(laidOut("one two three\nfour five\n\nsix\n", 9)).toBe(
    "one two\nthree\nfour five\n\nsix\n",
  );
  expect(laidOut("one\ntwo", 80)).toBe("one two");
});

test("prose has 80 columns where nobody says how many there are, and 100 at most", () => {
  const prose = "word ".repeat(60);
  expect(Math.max(...flowed(prose).map((line) => line.length))).toBe(79);
  expect(Math.max(...flowed(prose, 200).map((line) => line.length))).toBe(99);
});

test("a word that is too long has a line of its own", () => {
  expect(flowed("see https://example.org/a/long/address there", 12)).toEqual([
    "see",
    "https://example.org/a/long/address",
    "there",
  ]);
});

const LIST = `Options:
  --name <name>   what it is called
  --quiet         say nothing but what went wrong, and that on standard error
`;

test("a list that fits stays as it is", () => {
  expect(laidOut(LIST, 80)).toBe(LIST);
});

test("a second column that is too wide goes on below itself", () => {
  expect(laidOut(LIST, 50)).toBe(`Options:
  --name <name>   what it is called
  --quiet         say nothing but what went wrong,
                  and that on standard error
`);
});

test("a second column without room stands below the first one, for all rows", () => {
  expect(laidOut(LIST, 36)).toBe(`Options:
  --name <name>
      what it is called
  --quiet
      say nothing but what went
      wrong, and that on standard
      error
`);
});

test("so does one with a word that has no room", () => {
  const list = "  --to <url>  such as postgres://name@example.org\n  --key      a b c d\n";
  expect(laidOut(list, 40)).toBe(
    "  --to <url>\n      such as\n      postgres://name@example.org\n  --key       a b c d\n",
  );
});

test("what stands far to the right goes on with what is above it", () => {
  const list =
    "  run < file    stops at the first\n                that fails\n  run             else\n";
  expect(laidOut(list, 33)).toBe(
    "  run < file\n      stops at the first that\n      fails\n  run\n      else\n",
  );
});

test("a command that is too long goes on as a shell takes it", () => {
  expect(laidOut("  moorage user set bob --expires 30d --auth key\n", 32)).toBe(
    "  moorage user set bob \\\n      --expires 30d --auth key\n",
  );
});

test("a command between backticks is not broken", () => {
  expect(flowed("one two `moorage user list` shows", 20)).toEqual([
    "one two",
    "`moorage user list`",
    "shows",
  ]);
  expect(flowed("it`s one two", 8)).toEqual(["it`s one", "two"]);
});

test("a line is broken where a terminal is too narrow for it, and nowhere else", () => {
  expect(fitted("moorage: one two\n", undefined)).toBe("moorage: one two\n");
  expect(fitted("moorage: one two\n", 16)).toBe("moorage: one two\n");
  expect(fitted("moorage: one two\n", 15)).toBe("moorage: one\ntwo\n");
});

test("blanks between words that stay on a line are kept, as they may be part of a file's name", () => {
  expect(fitted("moorage: a   b.txt: no such file\n", 20)).toBe(
    "moorage: a   b.txt:\nno such file\n",
  );
  expect(fitted("moorage: a   b.txt: no such file\n", 12)).toBe(
    "moorage: a\nb.txt: no\nsuch file\n",
  );
  expect(fitted("one `two   three` four\n", 16)).toBe("one\n`two   three`\nfour\n");
});

test("a wide character has two columns", () => {
  expect(flowed("日本 日本 日本", 9)).toEqual(["日本 日本", "日本"]);
});
