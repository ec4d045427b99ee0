import { expect, test } from "vitest";
import { errorName, FsError } from "../../src/errors.ts";

test.each([
  [new TypeError("/host/path"), "TypeError"],
  [Object.assign(new Error("/host/path"), { code: "EACCES" }), "Error EACCES"],
  [new FsError("EIO"), "FsError EIO"],
  ["a text", "unknown"],
])("errorName tells the kind and the code of an error, never its message: %o", (thrown, name) => {
  expect(errorName(thrown)).toBe(name);
});
