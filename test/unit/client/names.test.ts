import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  besideName,
  decodeName,
  encodeName,
  joinRemote,
  printable,
  remoteName,
} from "../../../src/client/names.ts";

describe("names", () => {
  it("keep every byte, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(encodeName(decodeName(Buffer.from(bytes))).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  it("that are text are that text", () => {
    expect(decodeName(Buffer.from("grüße 🦭"))).toBe("grüße 🦭");
    expect(encodeName("grüße 🦭").equals(Buffer.from("grüße 🦭"))).toBe(true);
  });

  it("are shown without what steers a terminal", () => {
    expect(printable("a\x1b[2J\u202eb\n")).toBe("a?[2J?b?");
  });

  it("of parts fit, and differ for different files", () => {
    expect(besideName("a", ".part")).toBe("a.part");
    const long = besideName("n".repeat(255), ".part");
    expect(encodeName(long).length).toBeLessThanOrEqual(255);
    expect(long).not.toBe(besideName("m".repeat(255), ".part"));
  });

  it.each([
    ["", "a", "a"],
    ["/", "a", "/a"],
    ["/d", "a", "/d/a"],
    ["d/", "a", "d/a"],
  ])("%j and %j join to %j", (directory, name, expected) => {
    expect(joinRemote(directory, name)).toBe(expected);
  });

  it.each([
    ["/a/b", "b"],
    ["b/", "b"],
    ["/", ""],
    ["..", ".."],
  ])("%j ends in %j", (path, expected) => {
    expect(remoteName(path)).toBe(expected);
  });
});
