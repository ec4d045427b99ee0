import { expect, test } from "vitest";
import { MAX_ROWS, readRows } from "../../../../src/control/import/rows.ts";

const KEY =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/Wq7jrQ3J1t0h9rYzWvWwqVd0nRZkC0Q8oXk7cX5mS me@example";

test("columns in any order, what is empty is the default", () => {
  const { rows, faults } = readRows(
    `Role, name ,key,groups,quota\nadmin,ann,${KEY},"@a; b,a",10GB\n,bob,,,none\nuser,cid,,b,\n`,
  );
  expect(faults).toEqual([]);
  expect(rows).toMatchObject([
    {
      ...{ line: 2, name: "ann", role: "admin", quotaBytes: 10_000_000_000, groups: ["a", "b"] },
      keys: [{ comment: "me@example" }],
    },
    { line: 3, name: "bob", role: "user", quotaBytes: null, groups: [], keys: [] },
    { line: 4, name: "cid", role: "user", quotaBytes: undefined, groups: ["b"] },
  ]);
});

test("all faults are told, each with its line", () => {
  const text = [
    "name,quota,role,key",
    "ann,much,boss,nokey",
    "",
    "../x,,,",
    "bob,,",
    "ann,,,",
    "cid,1GB,user,",
  ].join("\n");
  const { faults } = readRows(text);
  expect(faults.map(({ line, text: why }) => `${line} ${why.slice(0, 22)}`)).toEqual([
    '2 role "boss": give user',
    '2 quota "much": give a s',
    "2 key: not a public key:",
    '4 "../x" can\'t be a user',
    "5 3 fields, and 4 column",
    '6 "ann" is in line 2 alr',
  ]);
});

test.each([
  ["", [undefined, /empty/]],
  ["quota\n1\n", [1, /no column name/]],
  ["name,shell\nann,x\n", [1, /unknown column "shell"/]],
  ["name,name\nann,ann\n", [1, /there twice/]],
  ['name\n"ann\n', [2, /doesn't end/]],
] as const)("%j is refused as a whole", (text, [line, why]) => {
  const { rows, faults } = readRows(text);
  expect(rows).toEqual([]);
  expect(faults[0]?.line).toBe(line);
  expect(faults[0]?.text).toMatch(why);
});

test("a file has so many users at most", () => {
  const names = (many: number) => Array.from({ length: many }, (_, at) => `u${at}\n`).join("");
  expect(readRows(`name\n${names(MAX_ROWS)}`).faults).toEqual([]);
  const { rows, faults } = readRows(`name\n${names(MAX_ROWS + 1)}`);
  expect([rows, faults]).toEqual([[], [{ text: expect.stringContaining("at most 10000") }]]);
});

test("a key that is wrong is not quoted: it may be a private one", () => {
  const { faults } = readRows('name,key\nann,"-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n"\n');
  expect(faults).toHaveLength(1);
  expect(faults[0]?.text).not.toContain("c2VjcmV0");
});
