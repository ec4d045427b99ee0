import { describe, expect, test } from "vitest";
import {
  expiryText,
  LimitError,
  limitTexts,
  parseAuth,
  parseExpiry,
  parseFrom,
  parseMaxSessions,
  parseTransferRate,
} from "../../../src/auth/login-limits-text.ts";

const NOW = new Date(2026, 0, 31, 12).getTime();
const DAY = 86_400_000;

describe("when logins end", () => {
  test("a date is the end of that day in local time", () => {
    expect(parseExpiry("2026-12-31", NOW)).toBe(new Date(2027, 0, 1).getTime() - 1);
    expect(parseExpiry(" 2028-02-29 ", NOW)).toBe(new Date(2028, 2, 1).getTime() - 1);
  });

  test("a date with a time is that minute, and what is shown is read back", () => {
    const at = new Date(2026, 11, 31, 14, 5).getTime();
    expect(parseExpiry("2026-12-31 14:05", NOW)).toBe(at);
    expect(expiryText(at)).toBe("2026-12-31 14:05");
    expect(expiryText(parseExpiry("2026-12-31", NOW))).toBe("2026-12-31 23:59");
  });

  test.each([
    ["30d", 30 * DAY],
    ["2w", 14 * DAY],
    ["90s", 90_000],
    ["0s", 0],
  ])("a duration counts from now: %s", (text, ms) => {
    expect(parseExpiry(text, NOW)).toBe(NOW + ms);
  });

  test("none is never", () => {
    expect(parseExpiry("none", NOW)).toBeNull();
    expect(parseExpiry("None", NOW)).toBeNull();
    expect(expiryText(null)).toBe("none");
  });

  test.each(["", "30", "2026", "2026-02-29", "2026-13-01", "2026-04-31", "2026-01-01 24:00"])(
    "%j is refused with what would be right",
    (text) => {
      expect(() => parseExpiry(text, NOW)).toThrow(LimitError);
      expect(() => parseExpiry(text, NOW)).toThrow(/a date such as 2026-12-31/);
    },
  );

  test.each([
    "-1d",
    "1.5x",
    "tomorrow",
    "2026-1-1",
    "31.12.2026",
    "9007199254740991ms",
    "300000000d",
  ])("%j is refused", (text) => {
    expect(() => parseExpiry(text, NOW)).toThrow(LimitError);
  });
});

describe("where logins come from", () => {
  test("addresses and networks, as they are kept", () => {
    expect(parseFrom("192.0.2.7, 198.51.100.9/24,2001:DB8:0::1/32,::ffff:203.0.113.0/120")).toEqual(
      ["192.0.2.7", "198.51.100.0/24", "2001:db8::/32", "203.0.113.0/24"],
    );
    expect(parseFrom("192.0.2.7,192.0.2.7/32")).toEqual(["192.0.2.7"]);
    expect(parseFrom("0.0.0.0/0,::/0")).toEqual(["0.0.0.0/0", "::/0"]);
  });

  test("any is no limit", () => {
    expect(parseFrom("any")).toBeNull();
  });

  test.each(["", ",", "192.0.2.7,", "any,192.0.2.7", "192.0.2.0/33", "192.0.2", "host.example"])(
    "%j is refused",
    (text) => {
      expect(() => parseFrom(text)).toThrow(LimitError);
    },
  );

  test("no more than 64, and what is wrong is named, but not at length", () => {
    const many = Array.from({ length: 65 }, (_, n) => `192.0.2.${n}`);
    expect(() => parseFrom(many.join(","))).toThrow(/at most 64/);
    expect(parseFrom(many.slice(1).join(","))).toHaveLength(64);
    expect(() => parseFrom(`192.0.2.1,${"x".repeat(5000)}`)).toThrow(/^"x{60}" is no address/);
  });
});

test.each([
  ["key", ["key"]],
  ["password", ["password"]],
  ["password, Key", ["key", "password"]],
  ["key,key", ["key"]],
  ["any", null],
] as const)("the methods %j", (text, methods) => {
  expect(parseAuth(text)).toEqual(methods);
});

test.each(["", "none", "publickey", "key,", "any,key"])("no methods: %j", (text) => {
  expect(() => parseAuth(text)).toThrow("give key, password, both with a comma");
});

test.each([
  ["1", 1],
  [" 100000", 100_000],
  ["none", null],
] as const)("so many sessions: %j", (text, count) => {
  expect(parseMaxSessions(text)).toBe(count);
});

test.each(["", "0", "-1", "1.5", "100001", "9999999", "any"])("no number: %j", (text) => {
  expect(() => parseMaxSessions(text)).toThrow("give a whole number from 1 to 100000, or none");
});

test.each([
  ["10MB/s", 10_000_000],
  ["10MB", 10_000_000],
  [" 1.5 MiB/s ", 1.5 * 2 ** 20],
  ["10kb/S", 10_000],
  ["none", null],
] as const)("such a rate: %j", (text, rate) => {
  expect(parseTransferRate(text)).toBe(rate);
});

test.each(["", "0", "5", "9KB/s", "any", "-1MB", "10MB/m", "10MB//s", "2PB/s", "100Mbit"])(
  "no rate: %j",
  (text) => {
    expect(() => parseTransferRate(text)).toThrow(/^give a rate such as 10MB\/s/);
  },
);

test("only what is set is shown", () => {
  const none = {
    expiresAt: null,
    from: null,
    auth: null,
    maxSessions: null,
    uploadRate: null,
    downloadRate: null,
    trashKeep: null,
    require: null,
  };
  expect(limitTexts(none, NOW)).toEqual([]);
  const all = {
    expiresAt: NOW,
    from: ["192.0.2.7", "2001:db8::/32"],
    auth: ["key"],
    maxSessions: 2,
    uploadRate: 10_000_000,
    downloadRate: 2 ** 20,
    trashKeep: 30 * 24 * 3_600_000,
    require: ["totp"],
  } as const;
  expect(limitTexts(all, NOW - 1)).toEqual([
    ["Expires", "2026-01-31 12:00"],
    ["Logs in from", "192.0.2.7, 2001:db8::/32"],
    ["Logs in by", "key"],
    ["Max sessions", "2"],
    ["Upload rate", "10MB/s"],
    ["Download rate", "1MiB/s"],
    ["Trash keeps", "30d"],
    ["Logins need", "totp"],
  ]);
  expect(limitTexts(all, NOW)[0]).toEqual(["Expires", "2026-01-31 12:00 (has expired)"]);
});
