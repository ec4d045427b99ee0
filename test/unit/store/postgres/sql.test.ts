import { describe, expect, test } from "vitest";
import { parseSql, renderSql, typesOf, valuesFor } from "../../../../src/store/postgres/sql.ts";

/** The text that the server gets, and which values in their order. */
function translated(sql: string, ...given: unknown[]): [string, unknown[]] {
  const template = parseSql(sql);
  const values = valuesFor(template, given);
  const { text, order } = renderSql(template, typesOf(template, values));
  return [text, order.map((name) => values[name])];
}

describe("parameters", () => {
  test.each<[string, unknown[], string, unknown[]]>([
    ["SELECT ?, ?", [1, "a"], "SELECT $1::bigint, $2::text", [1, "a"]],
    ["a = ? OR ? IS NULL", [0.5, null], "a = $1::double precision OR NULL IS NULL", [0.5]],
    [
      "VALUES (@a, $b, @a)",
      [{ a: 1, b: "x" }],
      "VALUES ($1::bigint, $2::text, $1::bigint)",
      [1, "x"],
    ],
    ["VALUES (@a, @b)", [{ a: null, b: 2n }], "VALUES (NULL, $1::bigint)", [2n]],
    ["x = ?", [2 ** 60], "x = $1::double precision", [2 ** 60]],
    ["DELETE FROM t", [], "DELETE FROM t", []],
  ])("%s", (sql, given, text, values) => {
    expect(translated(sql, ...given)).toEqual([text, values]);
  });

  test("bytes are bytes", () => {
    expect(translated("x = ?", Buffer.from("a"))).toEqual(["x = $1::bytea", [Buffer.from("a")]]);
  });

  test.each([
    "SELECT '?', 'it''s @a', \"?$b\", \"a\"\"@b\"",
    "SELECT 1 -- ? @a LIKE it's\n",
    "SELECT 1 /* ? $a\n LIKE */",
    "SELECT $1",
    "SELECT 'LIKE', \"LIKE\", unlike, likely",
  ])("are none in %j", (sql) => {
    expect(translated(sql)).toEqual([sql, []]);
  });

  test("stand behind what only looks like the end of a string", () => {
    expect(translated("ESCAPE '\\' AND a = ?", 1)[0]).toBe("ESCAPE '\\' AND a = $1::bigint");
  });
});

test("LIKE takes letters of either case", () => {
  expect(translated("a LIKE 'x' OR b NOT like ?", "y")[0]).toBe(
    "a ILIKE 'x' OR b NOT ILIKE $1::text",
  );
});

describe("refused are", () => {
  test.each<[string, unknown[], RegExp]>([
    ["SELECT ?", [], /has 1 values, not 0/],
    ["SELECT ?", [1, 2], /has 1 values, not 2/],
    ["SELECT @a", [{ b: 1 }], /value a is missing/],
    ["SELECT @a", [], /give one object/],
    ["SELECT ?, @a", [1], /have names, or none/],
    ["SELECT ?", [undefined], /type undefined/],
    ["SELECT ?", [true], /type boolean/],
    ["SELECT @a", [{ a: {} }], /type object/],
  ])("%s with %j", (sql, given, message) => {
    expect(() => translated(sql, ...given)).toThrow(message);
  });
});
