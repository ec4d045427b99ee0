import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuditEvent } from "../../../src/store/types.ts";
import { FailedLogins } from "../../../src/transport/failed-logins.ts";

let events: AuditEvent[];
let now: number;
let failed: FailedLogins;

beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  now = 0;
  failed = new FailedLogins(
    (event) => events.push(event),
    () => now,
  );
});

afterEach(() => {
  failed.flush();
  vi.useRealTimers();
});

function flood(count: number): void {
  for (let i = 0; i < count; i++) failed.add("eve", "192.0.2.1:1", "password");
}

describe("FailedLogins", () => {
  test("records who failed, from where and how", () => {
    flood(1);
    expect(events).toEqual([
      { kind: "login-failed", user: "eve", remote: "192.0.2.1:1", detail: "password" },
    ]);
  });

  test("a flood leaves a bounded number of records and one with the rest's number", () => {
    flood(10_000);
    expect(events).toHaveLength(50);
    vi.advanceTimersByTime(60_000);
    expect(events).toHaveLength(51);
    expect(events.at(-1)).toEqual({ kind: "login-failed", detail: "9950 more failed logins" });
  });

  test("after a flood a few each minute are recorded again", () => {
    flood(100);
    now += 60_000;
    flood(100);
    expect(events).toHaveLength(53);
  });

  test("a flood that never ends fills no more than a small part of the audit trail", () => {
    for (let minute = 0; minute < 24 * 60; minute++) {
      flood(100);
      now += 60_000;
      vi.advanceTimersByTime(60_000);
    }
    expect(events.length).toBeLessThan(6_000);
  });

  test("flush records what was not told, once", () => {
    flood(51);
    failed.flush();
    failed.flush();
    expect(events).toHaveLength(51);
  });
});
