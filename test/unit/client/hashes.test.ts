import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseSum, shellQuote } from "../../../src/client/hashes.ts";

const MD5 = "d41d8cd98f00b204e9800998ecf8427e";

describe("a path in a command", () => {
  it("reaches the command as it is, whatever it holds", () => {
    const path = fc
      .string({ unit: "grapheme", maxLength: 30 })
      .filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(path, (text) => {
        const said = execFileSync("sh", ["-c", `printf %s ${shellQuote(text)}`], {
          encoding: "utf8",
        });
        expect(said).toBe(text);
      }),
      { numRuns: 30 },
    );
  });

  it("that is no text is refused", () => {
    expect(() => shellQuote("/\udcff")).toThrow(/can't be said/);
  });
});

describe("what a checksum command prints", () => {
  it.each([
    [`${MD5}  /a\n`, MD5],
    [`${MD5} *a b\n`, MD5],
    [`\\${MD5}  /a\\nb\n`, MD5],
    [`${MD5}  -`, MD5],
    [`${MD5}\n`, undefined],
    [`${MD5}  a\n${MD5}  b\n`, undefined],
    [`Welcome!\n${MD5}  a\n`, undefined],
    [`${MD5}00  a\n`, undefined],
    [`${MD5.toUpperCase()}  a\n`, undefined],
    ["", undefined],
  ])("%j is %s", (output, expected) => {
    expect(parseSum(output, "md5")).toBe(expected);
  });
});
