import { expect, test } from "vitest";
import { ALL_SETTINGS } from "../../../src/config/settings.ts";

const setting = ALL_SETTINGS.find(({ name }) => name === "digests.on_upload")?.setting;
const parse = (value: unknown) => setting?.schema.safeParse(value);

test.each([
  [
    ["sha1", "md5"],
    ["sha1", "md5"],
  ],
  [[], []],
  ["", []],
  ["md5", ["md5"]],
  ["md5, sha512 ,md5", ["md5", "sha512"]],
])("a list is an array in the file and words in a text: %o", (value, expected) => {
  expect(parse(value)).toEqual({ success: true, data: expected });
});

test.each([[["md6"]], ["md5,sha3"], [5], [{ md5: true }], [[1]]])("refuses %o", (value) => {
  expect(parse(value)?.success).toBe(false);
});

test("is written as one would write it in a variable", () => {
  expect(setting?.format(["md5", "sha256"] as never)).toBe("md5,sha256");
  expect(setting?.format(setting.default)).toBe("md5,sha256");
});
