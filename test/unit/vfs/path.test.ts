import { expect, test } from "vitest";
import { type ByteString, display } from "../../../src/vfs/path.ts";

const bytes = (text: string): ByteString => Buffer.from(text).toString("latin1") as ByteString;

test("attack: a name with direction overrides is shown as what it is", () => {
  expect(display(bytes("invoice\u202efdp.exe"))).toBe("invoice\\u{202e}fdp.exe");
  expect(display(bytes("a\u2066b\u2069\u2028c"))).toBe("a\\u{2066}b\\u{2069}\\u{2028}c");
});

test("control characters are escaped, other scripts stay", () => {
  expect(display(bytes("a\u001b[2J\n日本"))).toBe("a\\x1b[2J\\x0a日本");
});
