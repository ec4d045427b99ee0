import fs, { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { closeLog, createLog } from "../../src/log.ts";
import { isSafe } from "../../src/text/safe.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-log-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

test("a log file is made 0600, is appended to and holds JSON from the level on", async () => {
  for (const format of ["auto", "json"] as const) {
    const log = createLog({ level: "info", file: "db/moorage.log", format }, root);
    log.debug("not this");
    log.info({ user: "alice" }, "login");
    await closeLog(log);
    log.info("too late, and harmless");
    await closeLog(log);
  }
  const file = join(root, "db/moorage.log");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 30, user: "alice", msg: "login" },
    { level: 30, user: "alice", msg: "login" },
  ]);
});

test("lines keep their order to the last", async () => {
  const log = createLog({ level: "info", file: "moorage.log", format: "json" }, root);
  for (let i = 0; i < 1000; i++) {
    log.info({ i });
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await closeLog(log);
  const lines = readFileSync(join(root, "moorage.log"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).i)).toEqual([...Array(1000).keys()]);
});

test("only whole lines are written at once, and no more than a pipe takes as a whole", async () => {
  const write = vi.spyOn(fs, "write");
  const log = createLog({ level: "info", file: "moorage.log", format: "json" }, root);
  for (let i = 0; i < 1000; i++) log.info({ i });
  await closeLog(log);
  const written = write.mock.calls.map(([, text]) => String(text));
  write.mockRestore();
  expect(written.length).toBeGreaterThan(5);
  for (const text of written) {
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
    expect(text.endsWith("\n")).toBe(true);
  }
});

test("pretty lines are for people: no JSON, and no colours in a file", async () => {
  const log = createLog({ level: "info", file: "moorage.log", format: "pretty" }, root);
  log.warn({ user: "alice" }, "refused");
  await closeLog(log);
  const text = readFileSync(join(root, "moorage.log"), "utf8");
  expect(text).toMatch(/^\[\d{4}-\d\d-\d\d [\d:.]+\] WARN.*: refused\n +user: "alice"\n$/);
});

test.each(["json", "pretty"] as const)(
  "a name in a %s log steers no terminal and begins no line",
  async (format) => {
    const log = createLog({ level: "info", file: "moorage.log", format }, root);
    const name = "eve\u001b[2J\u009b\u202e\u2028\ufeff\nINFO: forged";
    log.warn({ user: name, deep: { names: [name] } }, `refused ${name}`);
    await closeLog(log);
    const text = readFileSync(join(root, "moorage.log"), "utf8");
    for (const line of text.split("\n")) expect(isSafe(line)).toBe(true);
    expect(text).not.toMatch(/^INFO: forged/m);
    if (format === "json") expect(JSON.parse(text)).toMatchObject({ user: name });
  },
);

test("a log file that can't be written is told at once", () => {
  writeFileSync(join(root, "file"), "");
  expect(() => createLog({ level: "info", file: "file/log", format: "auto" }, root)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^E/) }),
  );
});
