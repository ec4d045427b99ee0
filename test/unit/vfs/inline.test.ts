import { beforeEach, expect, test } from "vitest";
import { InlineCalls } from "../../../src/vfs/inline.ts";

let now = 0;
let calls = new InlineCalls(() => now);

beforeEach(() => {
  now = 1_000;
  calls = new InlineCalls(() => now);
});

/** Whether a call was made at once that takes so many milliseconds. */
function atOnce(took: number): boolean {
  const done = calls.run(() => {
    now += took;
    return true;
  });
  return done ?? false;
}

test("calls that are fast are made at once, however many", () => {
  for (let count = 0; count < 100_000; count += 1) expect(atOnce(0.9)).toBe(true);
});

test("one that takes long now and then changes nothing", () => {
  for (let count = 0; count < 1_000; count += 1) {
    expect(atOnce(5)).toBe(true);
    now += 500;
  }
});

test("a disk that is slow gets a hundredth of the time, and a moment at the beginning", () => {
  let held = 0;
  const end = now + 100_000;
  while (now < end) {
    const before = now;
    if (atOnce(8)) held += now - before;
    else now += 1;
  }
  expect(held).toBeGreaterThan(900);
  expect(held).toBeLessThan(20 + 8 + 1_000 + 8);
});

test("one that took very long keeps the disk away for ten seconds, not more", () => {
  expect(atOnce(60_000)).toBe(true);
  now += 9_999;
  expect(atOnce(0)).toBe(false);
  now += 1;
  expect(atOnce(0)).toBe(true);
});

test("a call that fails counts as well, and its error goes on", () => {
  const fail = (): never => {
    now += 100;
    throw new Error("no");
  };
  expect(() => calls.run(fail)).toThrow("no");
  expect(atOnce(0)).toBe(false);
});
