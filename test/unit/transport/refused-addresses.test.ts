import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AuditEvent } from "../../../src/store/types.ts";
import { RefusedAddresses } from "../../../src/transport/refused-addresses.ts";

let events: AuditEvent[];
let logged: number;
let refused: RefusedAddresses;

beforeEach(() => {
  vi.useFakeTimers();
  events = [];
  logged = 0;
  const warn = () => {
    logged += 1;
  };
  refused = new RefusedAddresses((event) => events.push(event), { warn });
});

afterEach(() => {
  vi.useRealTimers();
});

test("an address that comes again and again is told once, then how often it came", () => {
  for (let n = 0; n < 1_000; n += 1) refused.add("::ffff:192.0.2.1", "address banned");
  const first = { kind: "refused-address", remote: "192.0.2.1", detail: "address banned" };
  expect(events).toEqual([first]);
  expect(logged).toBe(1);
  vi.advanceTimersByTime(10 * 60_000);
  const detail = "999 more connections from addresses that may not connect";
  expect(events).toEqual([first, { kind: "refused-address", detail }]);
  refused.add("192.0.2.1", "address banned");
  expect(events).toHaveLength(3);
});

test("a flood from everywhere leaves a bounded number of records", () => {
  for (let n = 0; n < 5_000; n += 1) refused.add(`2001:db8:0:${n.toString(16)}::1`, "x");
  // One machine can have all addresses of a /64.
  for (let n = 0; n < 5_000; n += 1) refused.add(`2001:db8::${n.toString(16)}`, "x");
  expect(events).toHaveLength(50);
  refused.flush();
  expect(events).toHaveLength(51);
  expect(events.at(-1)?.detail).toMatch(/^9950 more/);
  expect(vi.getTimerCount()).toBe(0);
  refused.flush();
  expect(events).toHaveLength(51);
});
