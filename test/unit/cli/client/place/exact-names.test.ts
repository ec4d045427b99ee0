import { expect, it } from "vitest";
import { exactNames } from "../../../../../src/cli/client/place/exact-names.ts";
import { encodeName } from "../../../../../src/text/names.ts";

it("names of the command line keep their bytes", () => {
  const given = ["plain", "caf\xe9", "caf\xe8", "h:"].map((name) => Buffer.from(name, "latin1"));
  const names = given.map((bytes) => bytes.toString());
  expect(names[1]).toBe(names[2]);
  expect(exactNames(names, given).map(encodeName)).toEqual(given);
});

it("names that can't be told better stay, also those that have the sign itself", () => {
  const sign = "a\u{FFFD}b";
  expect(exactNames([sign, "x"], [Buffer.from(sign)])).toEqual([sign, "x"]);
  expect(exactNames([sign], [])).toEqual([sign]);
});
