import { describe, expect, test } from "vitest";
import {
  Networks,
  nameOf,
  ONE_MACHINE,
  parseNetwork,
  sourceOf,
} from "../../../src/auth/addresses.ts";

describe("the source of an address", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::1", "2001:db8:1:2::/64"],
    ["2001:db8::", "2001:db8::/64"],
    ["fe80::1%eth0", "fe80::/64"],
    ["::1", "::/64"],
    ["", ""],
    ["somewhere", ""],
    ["192.0.2.1:22", ""],
  ])("%s is %s", (address, source) => {
    expect(sourceOf(address, ONE_MACHINE)).toBe(source);
  });

  test("is as wide as the settings say", () => {
    const wide = { ipv4Prefix: 20, ipv6Prefix: 52 };
    expect(sourceOf("192.0.63.9", wide)).toBe("192.0.48.0/20");
    expect(sourceOf("2001:db8:1:ffff::1", wide)).toBe("2001:db8:1:f000::/52");
    const narrow = { ipv4Prefix: 32, ipv6Prefix: 128 };
    expect(sourceOf("2001:db8::0:1", narrow)).toBe("2001:db8::1");
  });

  test("of nobody is nothing", () => {
    expect(sourceOf(undefined, ONE_MACHINE)).toBe("");
  });
});

test("networks are parsed, and what is none is refused", () => {
  expect(parseNetwork("10.0.0.0/8")).toEqual({ address: "10.0.0.0", family: "ipv4", prefix: 8 });
  expect(parseNetwork("::ffff:10.0.0.0/104")).toMatchObject({ address: "10.0.0.0", prefix: 8 });
  for (const text of [
    "10.0.0.0/33",
    "10.0.0.0/",
    "::/129",
    "10/8",
    "a/8",
    "::1/1/1",
    "::ffff:1.2.3.4/8",
  ]) {
    expect(parseNetwork(text)).toBeUndefined();
  }
});

test("a set of networks has the addresses in them, in whatever form", () => {
  const set = new Networks(["127.0.0.0/8", "::1", "2001:db8::/32", "nonsense"]);
  for (const one of ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "::1", "2001:db8:5::1"]) {
    expect(set.has(one)).toBe(true);
  }
  for (const one of ["128.0.0.1", "::2", "2001:db9::1", "nonsense", ""]) {
    expect(set.has(one)).toBe(false);
  }
});

test("networks of IPv6 have no addresses of IPv4 in them", () => {
  const all = new Networks(["::/0"]);
  expect(all.has("2001:db8::1")).toBe(true);
  expect(all.has("192.0.2.1")).toBe(false);
  // The source of ::1; mapped addresses begin with the same bits.
  expect(new Networks(["::/64"]).has("::ffff:192.0.2.1")).toBe(false);
});

test.each([
  ["192.0.2.1/32", "192.0.2.1"],
  ["2001:DB8:0:0::/32", "2001:db8::/32"],
  ["::ffff:192.0.2.0/120", "192.0.2.0/24"],
  ["0.0.0.0/0", "0.0.0.0/0"],
  ["::/0", "::/0"],
])("%s is kept as %s", (text, name) => {
  const network = parseNetwork(text);
  expect(network && nameOf(network)).toBe(name);
});
