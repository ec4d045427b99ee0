import { describe, expect, test } from "vitest";
import { IdentGate } from "../../../src/ssh/ident-gate.ts";

const IDENT = Buffer.from("SSH-2.0-Test_1.0 a comment\r\n");

describe("IdentGate", () => {
  test("an identification in single bytes comes out whole", () => {
    const gate = new IdentGate();
    const out: Buffer[] = [];
    for (const byte of IDENT) {
      const passed = gate.pass(Buffer.from([byte]));
      if (passed !== undefined) out.push(passed);
    }
    expect(out).toEqual([IDENT]);
  });

  test("what follows the line goes with it, and later chunks untouched", () => {
    const gate = new IdentGate();
    const first = Buffer.concat([IDENT, Buffer.from([0, 0, 1])]);
    expect(gate.pass(first)).toBe(first);
    const next = Buffer.from("no ident at all");
    expect(gate.pass(next)).toBe(next);
  });

  test.each([
    ["another protocol", "GET / HTTP/1.0\r\n"],
    ["another protocol's first byte", "\u0016"],
    ["an empty line", "\r\n"],
    ["an endless line", `SSH-2.0-${"x".repeat(300)}`],
    ["a line one byte too long", `SSH-2.0-${"x".repeat(246)}\r\n`],
    ["carriage returns without end", `SSH-${"\r".repeat(300)}`],
  ])("%s is no client", (_, text) => {
    expect(() => new IdentGate().pass(Buffer.from(text, "latin1"))).toThrow("not an SSH client");
  });

  test("the longest line allowed passes", () => {
    const line = Buffer.from(`SSH-2.0-${"x".repeat(245)}\r\n`);
    expect(line.length).toBe(255);
    expect(new IdentGate().pass(line)).toBe(line);
  });

  test("an endless line in small pieces is refused too", () => {
    const gate = new IdentGate();
    gate.pass(Buffer.from("SSH-2.0-"));
    const feed = () => {
      for (let i = 0; i < 100; i++) gate.pass(Buffer.from("aaaa"));
    };
    expect(feed).toThrow("not an SSH client");
  });
});
