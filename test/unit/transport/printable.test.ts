import { expect, test } from "vitest";
import { formatRemote } from "../../../src/text/remote.ts";
import { printable } from "../../../src/transport/printable.ts";

test("control characters and direction overrides are escaped", () => {
  expect(printable("a\u001b[31mb\n\u009f\u202ec", 100)).toBe("a\\x1b[31mb\\x0a\\x9f\\u{202e}c");
});

test("plain text, also of other scripts, stays as it is", () => {
  expect(printable("SSH-2.0-Zoë 日本", 100)).toBe("SSH-2.0-Zoë 日本");
});

test("long text is cut", () => {
  expect(printable("x".repeat(100), 10)).toBe(`${"x".repeat(10)}…`);
});

test.each([
  ["192.0.2.1", 22, "192.0.2.1:22"],
  ["::ffff:192.0.2.1", 22, "192.0.2.1:22"],
  ["2001:db8::1", 5000, "[2001:db8::1]:5000"],
  [undefined, undefined, "unknown"],
])("%s and %s is %s", (address, port, text) => {
  expect(formatRemote(address, port)).toBe(text);
});
