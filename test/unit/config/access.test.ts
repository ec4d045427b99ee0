import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";

const load = (list: string) =>
  loadConfig({ root: "/nowhere", env: { MOORAGE_ACCESS_DENY: list } }).access.deny;

describe("access.allow and access.deny", () => {
  test("are empty by default", () => {
    expect(loadConfig({ root: "/nowhere", env: {} }).access).toEqual({ allow: [], deny: [] });
  });

  test("take addresses and networks of both families", () => {
    const all = ["192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"];
    expect(load(all.join(", "))).toEqual(all);
    expect(load("::ffff:192.0.2.0/120")).toEqual(["::ffff:192.0.2.0/120"]);
  });

  test.each([
    ["localhost", '"localhost" is no address or network'],
    ["10.0.0.0/33", '"10.0.0.0/33" is no address or network'],
    ["10.0.0.0/", '"10.0.0.0/" is no address or network'],
    ["10.0.0.0/-1", '"10.0.0.0/-1" is no address or network'],
    ["10.0.0/8", '"10.0.0/8" is no address or network'],
    ["010.0.0.1", '"010.0.0.1" is no address or network'],
    ["*", '"*" is no address or network'],
    ["fe80::1%eth0", '"fe80::1%eth0" is no address or network'],
    // Of IPv4-mapped networks only what is a network of IPv4.
    ["::ffff:0:0/90", '"::ffff:0:0/90" is no address or network'],
    [
      "10.0.0.1/8",
      '"10.0.0.1/8" has bits beyond its prefix: write 10.0.0.0/8, or the address alone',
    ],
    ["2001:db8::1/64", "write 2001:db8::/64, or the address alone"],
    ["10.0.0.1/0", "write 0.0.0.0/0, or"],
    ["x".repeat(100), `"${"x".repeat(59)}…" is no address or network`],
  ])("%s is refused, and named among others", (wrong, problem) => {
    const list = `192.0.2.1,${wrong},2001:db8::/32`;
    expect(() => load(list)).toThrow(/MOORAGE_ACCESS_DENY: must be a list of addresses/);
    expect(() => load(list)).toThrow(problem);
  });
});
