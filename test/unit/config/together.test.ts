import { describe, expect, test } from "vitest";
import { isLocal, parseMetricsAddress } from "../../../src/config/listen.ts";
import { loadConfig } from "../../../src/config/load.ts";

function config(flags: Record<string, string>) {
  return loadConfig({ root: "/nowhere", env: {}, flags });
}

describe("metrics.listen", () => {
  test.each([
    ["127.0.0.1:9422", { host: "127.0.0.1", port: 9422 }],
    ["[::1]:1", { host: "::1", port: 1 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["0.0.0.0:9422", { host: "0.0.0.0", port: 9422 }],
    ["db/metrics.sock", { path: "db/metrics.sock" }],
    ["metrics.sock", { path: "metrics.sock" }],
  ])("%s", (text, address) => {
    expect(parseMetricsAddress(text)).toEqual(address);
  });

  test.each([
    "9422",
    ":9422",
    "127.0.0.1",
    "127.0.0.1:65536",
    "1.2.3:5",
    "999.0.0.1:5",
    "::1:5",
    "[127.0.0.1]:5",
    "example.org:80",
    "/run/metrics.sock",
    "../metrics.sock",
    "db/../../metrics.sock",
    "homes/alice/metrics.sock",
    "keys/m.sock",
    "db/./m.sock",
    "db/metrics",
    `${"x".repeat(120)}.sock`,
    "a b.sock",
  ])("%s is none", (text) => {
    expect(parseMetricsAddress(text)).toBeUndefined();
    expect(() => config({ "--metrics-listen": text })).toThrow(/an address with a port, or a path/);
  });

  test("what other machines reach is refused unless the settings allow it", () => {
    for (const listen of ["0.0.0.0:9422", "192.0.2.1:9422", "[::]:9422", "[2001:db8::1]:9422"]) {
      expect(() => config({ "--metrics-listen": listen })).toThrow(/set metrics.public = true/);
      const open = config({ "--metrics-listen": listen, "--metrics-public": "true" });
      expect(open.metrics).toMatchObject({ listen, public: true });
    }
    for (const listen of ["127.0.0.9:1", "[::1]:1", "localhost:1", "m.sock"]) {
      expect(isLocal(parseMetricsAddress(listen) ?? { path: "" })).toBe(true);
      expect(config({ "--metrics-listen": listen }).metrics.listen).toBe(listen);
    }
  });
});

test("server.group needs server.user", () => {
  expect(() => config({ "--server-group": "staff" })).toThrow(/does nothing without server.user/);
  const { server } = config({ "--server-group": "staff", "--server-user": "moorage" });
  expect(server).toMatchObject({ user: "moorage", group: "staff" });
  for (const bad of ["0", "a b", "-x", "a:b", "../x"]) {
    expect(() => config({ "--server-user": bad })).toThrow(/the name of a user of this machine/);
  }
});
