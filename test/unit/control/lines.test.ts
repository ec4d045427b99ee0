import fc from "fast-check";
import { expect, test } from "vitest";
import { LineNotUtf8, LineReader, LineTooLong } from "../../../src/control/lines.ts";

test("gives the lines whole, however the bytes are cut", () => {
  const lines = fc.array(fc.string({ unit: "grapheme" }).map((s) => s.replace(/\n/g, "")));
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 20 }), (sent, size) => {
      const bytes = Buffer.from(sent.map((line) => `${line}\n`).join(""));
      const reader = new LineReader(10_000);
      const got: string[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        got.push(...reader.push(bytes.subarray(at, at + size)));
      }
      expect(got).toEqual(sent.map((line) => Buffer.from(line).toString()));
    }),
  );
});

test("half a line is kept, and no line", () => {
  const reader = new LineReader(10);
  expect([...reader.push(Buffer.from("12345"))]).toEqual([]);
  expect([...reader.push(Buffer.from("67890\nab"))]).toEqual(["1234567890"]);
});

test.each([1, 3, 100_000])("a line that is too long is refused, %i bytes at a time", (size) => {
  const reader = new LineReader(5_000);
  let sent = 0;
  const push = (): void => {
    for (; sent < 20_000; sent += size) [...reader.push(Buffer.alloc(size, "x"))];
  };
  expect(push).toThrow(LineTooLong);
  expect(sent).toBeLessThanOrEqual(5_000);
});

test("a line that is not UTF-8 is refused: two of them would be the same text", () => {
  const reader = new LineReader(5_000);
  const push = (): string[] => [
    ...reader.push(Buffer.from('{"name":"gr\u00fc\u00dfe"}\n', "latin1")),
  ];
  expect(push).toThrow(LineNotUtf8);
});
