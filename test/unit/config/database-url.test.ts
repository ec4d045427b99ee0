import { expect, test } from "vitest";
import { hasPassword, withoutPassword } from "../../../src/config/database-url.ts";

test.each([
  ["postgres://u:secret@host/db", "postgres://u:***@host/db"],
  ["postgres://u:pa@ss@host/db", "postgres://u:***@host/db"],
  ["postgres://u@host/db?password=secret", "postgres://u@host/db?password=***"],
  ["postgres://u@host/db?pass%77ord=secret", "postgres://u@host/db?pass%77ord=***"],
  [
    "postgres://u@host/db?a=1&password=one&password=two",
    "postgres://u@host/db?a=1&password=***&password=***",
  ],
])("attack: the password in %s is not shown", (url, shown) => {
  expect(withoutPassword(url)).toBe(shown);
  expect(hasPassword(url)).toBe(true);
});

test.each(["postgres://u@host/db", "postgres://u@host/db?sslmode=require", "postgres:///db"])(
  "%s has none and is shown whole",
  (url) => {
    expect(withoutPassword(url)).toBe(url);
    expect(hasPassword(url)).toBe(false);
  },
);
