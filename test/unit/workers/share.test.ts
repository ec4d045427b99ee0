import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import type { Config } from "../../../src/config/types.ts";
import { usualLimit } from "../../../src/memory/limit.ts";
import { shareOf, startOfWorker, workersOf } from "../../../src/workers/share.ts";

const MIB = 1024 * 1024;

function config(flags: Record<string, string> = {}): Config {
  return loadConfig({ root: "/nowhere", env: {}, flags });
}

test("the workers together have what one process has", () => {
  const whole = config({
    "--limits-memory": "400MiB",
    "--auth-hash-concurrency": "8",
    "--auth-hash-queue": "256",
    "--digests-workers": "4",
  });
  const share = shareOf(whole, 4);
  expect(share.limits.memory).toBe(100 * MIB);
  expect(share.auth.hashConcurrency).toBe(2);
  expect(share.auth.hashQueue).toBe(64);
  expect(share.digests.workers).toBe(1);
  expect(shareOf(config(), 2).limits.memory).toBe(Math.floor(usualLimit() / 2));
});

test("what can't be divided further each of them has once, and nothing stays nothing", () => {
  const share = shareOf(config({ "--limits-memory": "64MiB", "--auth-hash-queue": "0" }), 64);
  expect(share.limits.memory).toBe(16 * MIB);
  expect(share.auth.hashConcurrency).toBe(1);
  expect(share.auth.hashQueue).toBe(0);
});

test("limits that are exact over all processes are not divided", () => {
  const whole = config();
  const share = shareOf(whole, 4);
  for (const key of ["maxSessions", "maxSessionsPerUser", "queue"] as const) {
    expect(share.limits[key]).toBe(whole.limits[key]);
  }
});

test("a reload is followed", () => {
  const whole = structuredClone(config());
  const share = shareOf(whole, 2);
  Object.assign(whole.limits, { idleTimeout: 7 });
  Object.assign(whole.auth, { hashQueue: 10 });
  expect(share.limits.idleTimeout).toBe(7);
  expect(share.auth.hashQueue).toBe(5);
});

test("one process has it all", () => {
  const whole = config();
  expect(shareOf(whole, 1)).toBe(whole);
});

test("threads and heap are divided, not below what a worker needs", () => {
  const { env, execArgv } = startOfWorker(2, { UV_THREADPOOL_SIZE: "16", HOME: "/" });
  expect(env).toEqual({ UV_THREADPOOL_SIZE: "8", HOME: "/" });
  expect(execArgv.at(-1)).toMatch(/^--max-old-space-size=\d+$/);
  const least = startOfWorker(64, {});
  expect(least.env.UV_THREADPOOL_SIZE).toBe("4");
  expect(least.execArgv.at(-1)).toBe("--max-old-space-size=256");
});

test("auto is as many as there are processors", () => {
  expect(workersOf(config())).toBeGreaterThanOrEqual(1);
  expect(workersOf(config({ "--server-workers": "3" }))).toBe(3);
  expect(() => config({ "--server-workers": "0" })).toThrow("auto or a whole number from 1 to 64");
});
