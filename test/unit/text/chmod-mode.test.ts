import { expect, it } from "vitest";
import { parseMode } from "../../../src/text/chmod-mode.ts";

it.each([
  ["640", 0o777, false, 0o640],
  ["u+x", 0o640, false, 0o740],
  ["go-rw", 0o666, false, 0o600],
  ["a=r", 0o777, false, 0o444],
  ["+X", 0o640, true, 0o751],
  ["+X", 0o640, false, 0o640],
  ["u=rwx,g=u", 0o640, false, undefined],
  ["8", 0, false, undefined],
  ["", 0, false, undefined],
])("%s makes of %o, a directory: %s, %o", (text, before, isDirectory, after) => {
  expect(parseMode(text)?.(before, isDirectory)).toBe(after);
});
