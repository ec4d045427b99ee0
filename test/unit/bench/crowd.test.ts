import { describe, expect, it } from "vitest";
import { KINDS, parseCrowdPlan } from "../../bench/crowd/plan.ts";
import { crowdTable, type Figure } from "../../bench/crowd/report.ts";
import { stepsOf } from "../../bench/crowd/steps.ts";

describe("the plan", () => {
  it("is by default of all kinds and as large as the help says", () => {
    expect(parseCrowdPlan([])).toEqual({
      rounds: 5,
      kinds: [...KINDS],
      size: 256 * 2 ** 20,
      files: 4_000,
      streams: 8,
      gets: 500,
      logins: 80,
      idle: 400,
      json: false,
    });
  });

  it("takes every option", () => {
    const numbers = [
      "--rounds=1",
      "--files=2",
      "--streams=3",
      "--gets=4",
      "--logins=5",
      "--idle=6",
    ];
    const plan = parseCrowdPlan([...numbers, "--size", "8MiB", "--only", "idle,stat", "--json"]);
    expect(plan).toEqual({
      rounds: 1,
      kinds: ["stat", "idle"],
      size: 8 * 2 ** 20,
      files: 2,
      streams: 3,
      gets: 4,
      logins: 5,
      idle: 6,
      json: true,
    });
  });

  it.each([
    [["--rounds", "0"], "--rounds"],
    [["--rounds", "101"], "--rounds"],
    [["--idle", "many"], "--idle"],
    [["--idle", "5001"], "--idle"],
    [["--gets", "1.5"], "--gets"],
    [["--streams", "17"], "--streams"],
    [["--size", "0"], "--size"],
    [["--only", "stat,get"], "--only: latency, stat,"],
    [["--only", ""], "--only"],
    [["--pairs", "5"], "--pairs"],
    [["stat"], "stat"],
  ])("refuses %j", (args, message) => {
    expect(() => parseCrowdPlan(args)).toThrow(message);
  });

  it("gives each kind its steps, and no two the same name", () => {
    const names = (...args: string[]) => stepsOf(parseCrowdPlan(args)).map(({ name }) => name);
    expect(names("--only", "files,logins")).toEqual(["files", "files of two", "logins"]);
    expect(new Set(names()).size).toBe(names().length);
    expect(names().length).toBeGreaterThan(KINDS.length);
  });
});

describe("the table", () => {
  const figures = (name: string, unit: Figure["unit"], values: number[], cpu?: number): Figure[] =>
    values.map((value) => ({ name, unit, value, ...(cpu === undefined ? {} : { cpu }) }));

  it("has medians, the median of the rounds' ratios, the least and greatest, and CPU", () => {
    const rows = [
      {
        moorage: figures("rm", "files/s", [100, 400, 300], 2),
        openssh: figures("rm", "files/s", [200, 200, 200], 4),
      },
      {
        moorage: figures("get p50", "ms", [1, 2, 6]),
        openssh: figures("get p50", "ms", [4, 1, 2]),
      },
    ];
    const lines = crowdTable({ plan: parseCrowdPlan([]), inMemory: true, rows }).split("\n");
    const words = lines.slice(0, 3).map((line) => line.trim().split(/ {2,}/));
    expect(words).toEqual([
      ["moorage", "OpenSSH", "ratio", "spread", "CPU s", "OpenSSH", "ratio"],
      ["rm", "files/s", "300", "200", "1.50", "0.50–2.00", "2.00", "4.00", "0.50"],
      ["get p50", "ms", "2.00", "2.00", "2.00", "0.25–3.00"],
    ]);
  });

  it("says when files are on a disk", () => {
    const on = (inMemory: boolean) => crowdTable({ plan: parseCrowdPlan([]), inMemory, rows: [] });
    expect(on(false)).toContain("on a DISK");
    expect(on(true)).not.toContain("on a DISK");
  });
});
