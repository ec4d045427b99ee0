import { expect, it } from "vitest";
import { socketError } from "../../../../src/client/login/socket.ts";

it("who gave no port learns which one was tried, and how to give another", () => {
  expect(socketError("ECONNREFUSED", 22)).toBe(
    "nothing listens on port 22 (connection refused): give the server's port with -P",
  );
  expect(socketError("ECONNREFUSED", 2222)).toBe("nothing listens there (connection refused)");
  expect(socketError("EODD", 22)).toBeUndefined();
});
