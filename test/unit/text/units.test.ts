import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  roundSize,
  UnitError,
} from "../../../src/text/units.ts";

const MAX = Number.MAX_SAFE_INTEGER;
const whole = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(100_000),
  fc.nat(9_007).map((n) => n * 10 ** 12),
);

describe("parseSize", () => {
  test.each([
    ["0", 0],
    ["1", 1],
    ["512B", 512],
    ["10GB", 10_000_000_000],
    ["10GiB", 10_737_418_240],
    ["64MiB", 67_108_864],
    ["1.5GiB", 1_610_612_736],
    ["10.24GB", 10_240_000_000],
    ["2TB", 2e12],
    ["2TiB", 2 ** 41],
    ["7KB", 7000],
    ["7KiB", 7168],
    ["3 mb", 3_000_000],
    ["500K", 512_000],
    ["500k", 512_000],
    ["1.5M", 1_572_864],
    ["10G", 10_737_418_240],
    ["2 t", 2 ** 41],
    ["1P", 2 ** 50],
    [" 5 MiB ", 5_242_880],
    ["0.5KiB", 512],
    ["9007199254740991", MAX],
    [10_240_000_000, 10_240_000_000],
    [MAX, MAX],
  ])("%s is %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    "",
    "GB",
    "-1",
    "-1GB",
    "+1",
    "1e9",
    "0x10",
    "1.GB",
    ".5GB",
    "1,5GB",
    "1.5",
    "0.3KiB",
    "10Gi",
    "10E",
    "10GBit",
    "10 apples",
    "1 0GB",
    "NaN",
    "Infinity",
    "9007199254740992",
    "9007199.254740992TB",
    "10000TiB",
    "9".repeat(21),
    "1GB\n2",
  ])("%j is refused", (text) => {
    expect(() => parseSize(text)).toThrow(UnitError);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 2 ** 53, 1e300])(
    "the number %d is refused",
    (value) => {
      expect(() => parseSize(value)).toThrow(UnitError);
    },
  );

  test("reads back what formatSize wrote", () => {
    fc.assert(
      fc.property(whole, (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
        expect(parseSize(bytes)).toBe(bytes);
      }),
    );
  });

  test("a fraction is the exact part of its unit, or refused", () => {
    const unit = fc.constantFrom(["KB", 1e3], ["MiB", 2 ** 20], ["GB", 1e9], ["GiB", 2 ** 30]);
    fc.assert(
      fc.property(fc.nat(999), fc.integer({ min: 0, max: 999 }), unit, (big, milli, [name, n]) => {
        const text = `${big}.${String(milli).padStart(3, "0")}${name}`;
        const thousandfold = (big * 1000 + milli) * Number(n);
        if (thousandfold % 1000 === 0) expect(parseSize(text)).toBe(thousandfold / 1000);
        else expect(() => parseSize(text)).toThrow(UnitError);
      }),
    );
  });

  test("any text gives whole bytes up to 2^53-1 or UnitError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double(), fc.float().map(String)), (value) => {
        let bytes: number;
        try {
          bytes = parseSize(value);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(UnitError);
          return;
        }
        expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
      }),
    );
  });
});

describe("formatSize", () => {
  test.each([
    [0, "0"],
    [999, "999"],
    [1024, "1KiB"],
    [67_108_864, "64MiB"],
    [10_240_000_000, "10.24GB"],
    [1_610_612_736, "1536MiB"],
    [123_456_789, "123456789"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});

describe("roundSize", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 KB"],
    [10_240_000_000, "10.2 GB"],
    [999_999, "1.00 MB"],
    [123_456_789, "123 MB"],
    [MAX, "9.01 PB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(roundSize(bytes)).toBe(text);
  });

  test("is never far from the truth", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: MAX }), (bytes) => {
        const [value, unit] = roundSize(bytes).split(" ");
        const factor = parseSize(`1${unit}`);
        expect(Math.abs(Number(value) * factor - bytes) / bytes).toBeLessThan(0.006);
      }),
    );
  });
});

describe("parseDuration", () => {
  test.each([
    ["0", 0],
    ["30", 30_000],
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["90d", 7_776_000_000],
    ["2w", 1_209_600_000],
    ["1.5h", 5_400_000],
    [30, 30_000],
    [0.5, 500],
  ])("%s is %d ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(["", "s", "-1s", "1y", "1h30m", "0.1ms", "forever", "9007199254741"])(
    "%j is refused",
    (text) => {
      expect(() => parseDuration(text)).toThrow(UnitError);
    },
  );

  test("reads back what formatDuration wrote", () => {
    fc.assert(
      fc.property(whole, (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});
