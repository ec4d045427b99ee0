import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeName, encodeName } from "../../../src/text/names.ts";

it("names keep every byte, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(encodeName(decodeName(Buffer.from(bytes))).equals(Buffer.from(bytes))).toBe(true);
    }),
  );
});

it.each(["", "plain", "grüße 🦭", "\ufeffmark", "\ud7ff\ue000"])("%j is itself", (text) => {
  expect(decodeName(Buffer.from(text))).toBe(text);
  expect(encodeName(text).equals(Buffer.from(text))).toBe(true);
});

it.each([
  ["gr\xfcn", "gr\udcfcn"],
  ["\xc0\xaf", "\udcc0\udcaf"],
  ["\xed\xa0\x80", "\udced\udca0\udc80"],
  ["\xf5\x80\x80\x80", "\udcf5\udc80\udc80\udc80"],
  ["\xe2\x82", "\udce2\udc82"],
])("bytes %j that are not UTF-8 are kept one by one", (bytes, text) => {
  expect(decodeName(Buffer.from(bytes, "latin1"))).toBe(text);
});
