import { describe, expect, it } from "vitest";
import { isRemote, parseTarget } from "../../../../src/client/login/target.ts";

describe("a target", () => {
  it.each([
    ["host", { host: "host" }],
    ["ann@host", { host: "host", user: "ann" }],
    ["ann@host:", { host: "host", user: "ann" }],
    ["host:a b/c", { host: "host", path: "a b/c" }],
    ["ann@host:/abs:olute", { host: "host", user: "ann", path: "/abs:olute" }],
    ["[::1]:x", { host: "::1", path: "x" }],
    ["ann@[fe80::1]:x", { host: "fe80::1", user: "ann", path: "x" }],
    ["a@b@host", { host: "host", user: "a@b" }],
    ["sftp://ann@host:2222/dir/f%20g", { host: "host", user: "ann", port: 2222, path: "dir/f g" }],
    ["sftp://host//abs", { host: "host", path: "/abs" }],
    ["sftp://host", { host: "host" }],
  ])("%s", (text, expected) => {
    expect(parseTarget(text)).toEqual(expected);
  });

  it.each([
    "",
    "ann@",
    "-oProxyCommand=x",
    "a b",
    "/etc/passwd",
    "sftp://ann:secret@host/",
    "sftp://",
    "gr\ufffdn@host",
    "\ud800@host:x",
  ])("refuses %j in one line", (text) => {
    expect(() => parseTarget(text)).toThrow(/^[^\n]+$/);
  });

  it.each([
    ["host:x", true],
    ["ann@host:", true],
    ["[::1]:x", true],
    ["sftp://host/x", true],
    ["./a:b", false],
    ["/a:b", false],
    ["dir/a:b", false],
    ["plain", false],
    [":x", false],
  ])("isRemote %s: %s", (text, expected) => {
    expect(isRemote(text)).toBe(expected);
  });
});
