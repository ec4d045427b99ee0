import { expect, test } from "vitest";
import { fields, json, table } from "../../../src/cli/format.ts";

const plain = { colour: false };
const HOSTILE = "\u001b[2J\u202e\u061c\ufeff";
const SHOWN = "\\x1b[2J\\u{202e}\\u{61c}\\u{feff}";

test("what stands in a table or a field steers no terminal", () => {
  expect(table(plain, [{ title: "NAME" }], [[HOSTILE]])).toBe(`NAME\n${SHOWN}\n`);
  expect(fields([["Name", HOSTILE]])).toBe(`Name  ${SHOWN}\n`);
});

test("JSON is safe to print, and has the value as it is", () => {
  const text = json({ name: HOSTILE });
  expect(text).toBe('{\n  "name": "\\u001b[2J\\u202e\\u061c\\ufeff"\n}\n');
  expect(JSON.parse(text)).toEqual({ name: HOSTILE });
});

test("columns stand below each other, however wide a character is", () => {
  const columns = [{ title: "NAME" }, { title: "SIZE", right: true }];
  const rows = [
    ["宽字宽", "1"],
    ["plain", "100"],
  ];
  expect(table(plain, columns, rows)).toBe("NAME    SIZE\n宽字宽     1\nplain    100\n");
});
