import fc from "fast-check";
import { expect, test } from "vitest";
import { isUserName } from "../../../src/auth/names.ts";

test.each(["a", "0", "ann", "ann.b-c_d", "a..b", "a".repeat(32)])("takes %j", (name) => {
  expect(isUserName(name)).toBe(true);
});

test.each([
  "",
  "a".repeat(33),
  "Ann",
  ".",
  "..",
  ".ann",
  "-ann",
  "_ann",
  "a b",
  "a/b",
  "../a",
  "a\n",
  "a\0",
  "ä",
  "a\u0301",
  "ann@host",
])("refuses %j", (name) => {
  expect(isUserName(name)).toBe(false);
});

test("takes a text exactly when each character and the length are allowed", () => {
  const first = "abcdefghijklmnopqrstuvwxyz0123456789";
  const characters = fc.oneof(
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...first, ".", "_", "-", "/", "A", "\n"), maxLength: 40 }),
  );
  fc.assert(
    fc.property(characters, (name) => {
      const allowed = [...name].every((c) => `${first}._-`.includes(c));
      const starts = name !== "" && first.includes(name.charAt(0));
      expect(isUserName(name)).toBe(allowed && starts && name.length <= 32);
    }),
  );
});
