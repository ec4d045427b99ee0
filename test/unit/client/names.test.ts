import { describe, expect, it } from "vitest";
import { corruptName, joinRemote, partNames, remoteName } from "../../../src/client/names.ts";
import { encodeName } from "../../../src/text/names.ts";

describe("names", () => {
  it("of parts fit, and differ for different files", () => {
    const id = "0123456789ab";
    expect(partNames("a", id, true)).toEqual({ plain: "a.part", own: `.${id}.part` });
    expect(partNames("a", id, false).plain).toBeUndefined();
    expect(partNames("n".repeat(251), id, true).plain).toBeUndefined();
    expect(partNames("\u00fc".repeat(126), id, true).plain).toBeUndefined();
  });

  it("of damaged files fit, and leave alone what is there", () => {
    expect(corruptName("a", false)).toBe("a.corrupt");
    expect(corruptName("a", true)).not.toBe("a.corrupt");
    const long = corruptName("n".repeat(255), false);
    expect(encodeName(long).length).toBeLessThanOrEqual(255);
    expect(long).not.toBe(corruptName("m".repeat(255), false));
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
