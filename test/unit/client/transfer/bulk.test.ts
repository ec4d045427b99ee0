import { expect, it } from "vitest";
import { MOST_REQUESTS, share } from "../../../../src/client/transfer/bulk.ts";

const MIB = 2 ** 20;
const REQUEST = 255 * 1024;

it.each([
  { line: "in this machine", roundTrip: 0.1, files: 1, most: 2 * MIB },
  { line: "of 10 ms", roundTrip: 10, files: 1, most: 6_400_000 },
  { line: "of 100 ms", roundTrip: 100, files: 1, most: 64_000_000 },
  { line: "of half a second", roundTrip: 500, files: 1, most: 64 * MIB },
  { line: "nobody has measured", roundTrip: Number.POSITIVE_INFINITY, files: 1, most: 64 * MIB },
  { line: "of 100 ms, shared by two", roundTrip: 100, files: 2, most: 32_000_000 },
])("a file has on its way what a line $line holds", ({ roundTrip, files, most }) => {
  expect(share(REQUEST, files, roundTrip)).toBe(most);
});

it("has at least one request on its way, and not more than are waited for", () => {
  expect(share(REQUEST, 64, 0.1)).toBe(REQUEST);
  expect(share(1024, 1, 500)).toBe(MOST_REQUESTS * 1024);
});
