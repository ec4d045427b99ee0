import { expect, test } from "vitest";
import { type LimitReached, mayLogIn } from "../../../src/auth/login-limits.ts";
import type { LoginLimits, LoginMethod } from "../../../src/store/types.ts";

const NONE: LoginLimits = {
  expiresAt: null,
  from: null,
  auth: null,
  maxSessions: null,
  uploadRate: null,
  downloadRate: null,
  trashKeep: null,
  require: null,
};
const NOW = 1_000;

function verdict(
  limits: Partial<LoginLimits>,
  address: string | undefined = "192.0.2.1",
  method: LoginMethod = "key",
): "yes" | LimitReached {
  return mayLogIn({ ...NONE, ...limits }, { address, method, now: NOW });
}

test("without limits everybody may, also from an address that is not known", () => {
  expect(verdict({})).toBe("yes");
  expect(mayLogIn(NONE, { address: undefined, method: "key", now: NOW })).toBe("yes");
});

test.each([
  [NOW + 1, "yes"],
  [NOW, "expired"],
  [NOW - 1, "expired"],
] as const)("an account that expires at %i is at 1000: %s", (expiresAt, expected) => {
  expect(verdict({ expiresAt })).toBe(expected);
});

test.each([
  ["192.0.2.0/24", "192.0.2.1", "yes"],
  ["192.0.2.0/24", "192.0.3.1", "address"],
  ["192.0.2.0/24", "::ffff:192.0.2.1", "yes"],
  ["192.0.2.0/24", "::ffff:192.0.3.1", "address"],
  ["::ffff:192.0.2.0/120", "192.0.2.1", "yes"],
  ["2001:db8::/32", "2001:db8:1::1", "yes"],
  ["2001:db8::/32", "2001:db9::1", "address"],
  ["2001:db8::/32", "192.0.2.1", "address"],
  ["fe80::/10", "fe80::1%eth0", "yes"],
  ["0.0.0.0/0", "203.0.113.7", "yes"],
  ["0.0.0.0/0", "2001:db8::1", "address"],
  ["::/0", "2001:db8::1", "yes"],
  ["192.0.2.7", "192.0.2.7", "yes"],
  ["192.0.2.7", "192.0.2.8", "address"],
] as const)("from %s, a login from %s: %s", (network, address, expected) => {
  expect(verdict({ from: [network] }, address)).toBe(expected);
});

test("one of several networks is enough; an address that is not known is in none", () => {
  const from = ["198.51.100.0/24", "192.0.2.0/24"];
  expect(verdict({ from })).toBe("yes");
  const nobody = { address: undefined, method: "key", now: NOW } as const;
  expect(mayLogIn({ ...NONE, from }, nobody)).toBe("address");
});

test("only the methods that are named", () => {
  expect(verdict({ auth: ["key"] })).toBe("yes");
  expect(verdict({ auth: ["key"] }, undefined, "password")).toBe("method");
  expect(verdict({ auth: ["password"] })).toBe("method");
  expect(verdict({ auth: ["key", "password"] }, undefined, "password")).toBe("yes");
});
