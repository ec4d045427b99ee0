import { expect, test } from "vitest";
import { errorName, FsError, toFsError } from "../../src/errors.ts";
import { DatabaseGone } from "../../src/store/database-errors.ts";

test.each([
  [new TypeError("/host/path"), "TypeError"],
  [Object.assign(new Error("/host/path"), { code: "EACCES" }), "Error EACCES"],
  [new FsError("EIO"), "FsError EIO"],
  [new DatabaseGone("it is a standby"), "the database can't be reached: it is a standby"],
  ["a text", "unknown"],
])(
  "errorName tells the kind and the code of an error, and a message only where it is ours: %o",
  (thrown, name) => {
    expect(errorName(thrown)).toBe(name);
  },
);

test("clients read that the server's database is away, and nothing of where it is", () => {
  const { code, message } = toFsError(new DatabaseGone("nobody listens there"));
  expect(code).toBe("EIO");
  expect(message).toBe("The server's database can't be reached now: try again later");
});
