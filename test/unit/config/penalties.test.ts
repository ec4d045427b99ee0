import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { loadConfig } from "../../../src/config/load.ts";

const load = (exempt: string) =>
  loadConfig({ root: "/nowhere", env: { MOORAGE_PENALTIES_EXEMPT: exempt } }).penalties.exempt;

describe("penalties.exempt", () => {
  test("is loopback by default, so that a proxy on this machine isn't locked out", () => {
    const { penalties } = loadConfig({ root: "/nowhere", env: {} });
    expect(penalties.exempt).toEqual(["127.0.0.0/8", "::1"]);
  });

  test("takes addresses and networks, and nothing at all", () => {
    expect(load("192.0.2.1, 10.0.0.0/8,2001:db8::/32,::1")).toEqual([
      "192.0.2.1",
      "10.0.0.0/8",
      "2001:db8::/32",
      "::1",
    ]);
    expect(load("")).toEqual([]);
  });

  // A typing error must not exempt the world, or nobody.
  test.each(["localhost", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.0/8/8", "*"])(
    "%s is no network",
    (text) => {
      expect(() => load(text)).toThrow(ConfigError);
      expect(() => load(text)).toThrow(/MOORAGE_PENALTIES_EXEMPT: must be a list of addresses/);
    },
  );
});
