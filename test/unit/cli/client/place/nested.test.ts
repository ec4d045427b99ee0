import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { get, put, sync } from "../../../../../src/cli/client/one-job.ts";
import { ClientRun } from "../../../../support/client-run.ts";
import { FakeEngine } from "../fake-engine.ts";

let here: string;

beforeEach(() => {
  here = mkdtempSync(join(tmpdir(), "moorage-nested-"));
  mkdirSync(join(here, "site"));
  writeFileSync(join(here, "file"), "");
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(here, { recursive: true });
});

const COMMANDS = { put, get, sync };
const FLAGS = { jobs: 4, verify: true, recursive: true };

/** Runs a command whose names may begin with HERE, a directory of this machine. */
async function run(name: keyof typeof COMMANDS, names: string, flags: object = {}) {
  const engine = new FakeEngine({ "/home/site/a": 1, "/home/a/file": 1 });
  const { context, around, written } = new ClientRun(engine);
  const words = names.split(" ").map((word) => word.replace(/^HERE/, here));
  await COMMANDS[name](context, words, { ...FLAGS, ...flags }, around);
  const [first = ""] = written.writes;
  return { first, text: written.text, job: engine.jobs[0] };
}

describe("a directory that goes into one of the same name is told before it begins", () => {
  const up = "site goes into /home/p/site, as /home/p/site/site; site/ is its contents\n";
  const down = "site goes into HERE/p/site, as HERE/p/site/site; site/ is its contents\n";

  it.each([
    ["sync", "HERE/site ann@h:p/site", {}, up],
    ["sync", "HERE/site ann@h:p/site/", {}, up],
    ["sync", "HERE/site ann@h:p/site", { dryRun: true }, up],
    ["put", "HERE/site ann@h:p/site", {}, up],
    ["put", "HERE/site ann@h:p/site", { dryRun: true }, up],
    ["sync", "ann@h:site HERE/p/site", {}, down],
    ["sync", "ann@h:site HERE/p/site", { dryRun: true }, down],
    ["get", "ann@h:site HERE/p/site", {}, down],
  ] as const)("%s %s %j", async (name, names, flags, line) => {
    const { first, job } = await run(name, names, flags);
    expect(first).toBe(line.replaceAll("HERE", here));
    expect(job).toBeDefined();
  });

  it.each([
    ["its contents", "sync", "HERE/site/ ann@h:p/site", {}],
    ["its contents from there", "sync", "ann@h:site/ HERE/p/site", {}],
    ["another name", "sync", "HERE/site ann@h:p", {}],
    ["a file", "put", "HERE/file ann@h:p/file", {}],
    ["a file there", "get", "ann@h:a/file HERE/file", {}],
    ["several", "put", "HERE/site HERE/file ann@h:p/site", {}],
    ["nothing but errors", "sync", "HERE/site ann@h:p/site", { quiet: true }],
    ["JSON", "sync", "HERE/site ann@h:p/site", { json: true }],
  ] as const)("not for %s", async (_, name, names, flags) => {
    const { text, job } = await run(name, names, flags);
    expect(text).not.toContain("goes into");
    expect(job).toBeDefined();
  });
});

it.each([
  ["put", ". ann@h:site", "site/"],
  ["sync", ". ann@h:site", "site/"],
  ["put", "./. ann@h:site", "site/"],
  ["sync", ".. ann@h:site", "/"],
  ["get", "ann@h:. HERE/home", "/home/"],
  ["sync", "ann@h:. HERE/home", "/home/"],
] as const)("%s %s means what is in it", async (name, names, end) => {
  vi.spyOn(process, "cwd").mockReturnValue(join(here, "site"));
  const { text, job } = await run(name, names);
  expect(job?.sources).toEqual([expect.stringMatching(new RegExp(`${end}$`))]);
  expect(text).not.toContain("goes into");
});
