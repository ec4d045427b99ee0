import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog, flushLog } from "../../src/log.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-log-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

test("a log file is made 0600, is appended to and holds JSON from the level on", () => {
  for (const format of ["auto", "json"] as const) {
    const log = createLog({ level: "info", file: "db/moorage.log", format }, root);
    log.debug("not this");
    log.info({ user: "alice" }, "login");
    flushLog(log);
  }
  const file = join(root, "db/moorage.log");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 30, user: "alice", msg: "login" },
    { level: 30, user: "alice", msg: "login" },
  ]);
});

test("pretty lines are for people: no JSON, and no colours in a file", () => {
  const log = createLog({ level: "info", file: "moorage.log", format: "pretty" }, root);
  log.warn({ user: "alice" }, "refused");
  flushLog(log);
  const text = readFileSync(join(root, "moorage.log"), "utf8");
  expect(text).toMatch(/^\[\d{4}-\d\d-\d\d [\d:.]+\] WARN.*: refused\n +user: "alice"\n$/);
});

test("a log file that can't be written is told at once", () => {
  writeFileSync(join(root, "file"), "");
  expect(() => createLog({ level: "info", file: "file/log", format: "auto" }, root)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^E/) }),
  );
});
