import fc from "fast-check";
import { expect, test } from "vitest";
import { CsvFault, readCsv } from "../../../../src/control/import/csv.ts";

const FIELD = fc.string({ unit: fc.constantFrom("a", "ü", " ", ",", '"', "\n", ";", "0") });
const RECORDS = fc.array(fc.array(FIELD, { minLength: 1, maxLength: 4 }), { maxLength: 8 });

function written(field: string, always: boolean): string {
  const isPlain = !/[",\n]/.test(field);
  return isPlain && !always ? field : `"${field.replaceAll('"', '""')}"`;
}

test("property: what RFC 4180 writes is read back, each record with the line it begins in", () => {
  fc.assert(
    fc.property(RECORDS, fc.boolean(), fc.boolean(), fc.boolean(), (records, bom, crlf, always) => {
      const end = crlf ? "\r\n" : "\n";
      // A record of one empty field is an empty line, unless it has quotes.
      const lines = records.map((fields) => {
        const alone = fields.length === 1 && fields[0] === "";
        return fields.map((field) => written(field, always || alone)).join(",");
      });
      let line = 1;
      const expected = records.map((fields, at) => {
        const record = { line, fields };
        line += (lines[at] ?? "").split("\n").length;
        return record;
      });
      const text = lines.map((one) => one + end).join("");
      expect(readCsv(`${bom ? "\ufeff" : ""}${text}`)).toEqual(expected);
    }),
  );
});

test("property: any text is read, or refused with a line of it", () => {
  const text = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r", "\0", "\ufeff") });
  fc.assert(
    fc.property(text, (given) => {
      const last = given.split(/\r\n|\n|\r/).length;
      try {
        for (const { line } of readCsv(given)) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(last);
        }
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(CsvFault);
        expect((thrown as CsvFault).line).toBeGreaterThanOrEqual(1);
        expect((thrown as CsvFault).line).toBeLessThanOrEqual(last);
      }
    }),
  );
});

test("empty lines are left out, and counted", () => {
  expect(readCsv("a\n\n\nb\n")).toEqual([
    { line: 1, fields: ["a"] },
    { line: 4, fields: ["b"] },
  ]);
});

test.each([
  ['a\n"b', 2, /doesn't end/],
  ['a\nb"c"\n', 2, /""/],
  ['a\n"b"c\n', 2, /""/],
  ["a\nb\rc\n", 2, /carriage return/],
])("%j is refused at line %i", (text, line, why) => {
  expect(() => readCsv(text)).toThrow(why);
  expect(() => readCsv(text)).toThrow(expect.objectContaining({ line }));
});
