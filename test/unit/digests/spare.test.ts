import { expect, onTestFinished, test, vi } from "vitest";
import { readSpareTime, SpareTime } from "../../../src/digests/spare.ts";

/** A machine of which `spare` processors have nothing to do. */
function machine(again: () => void = () => {}) {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  let total = 0;
  const time = new SpareTime(again, () => total);
  const pass = (ms: number, spare: number): void => {
    total += ms * spare;
    vi.advanceTimersByTime(ms);
  };
  return { time, pass };
}

test("much is granted while processors are idle", () => {
  const { time, pass } = machine();
  pass(150, 1.9);
  expect(time.grant()).toBe("much");
  time.stepped();
  expect(time.grant()).toBe("much");
});

test("one step in a while is granted when they are not, with a call when it is time", () => {
  const again = vi.fn();
  const { time, pass } = machine(again);
  pass(150, 0.1);
  expect(time.grant()).toBe("little");
  time.stepped();
  expect(time.grant()).toBe("none");
  expect(time.grant()).toBe("none");
  pass(30, 0.1);
  expect(again).toHaveBeenCalledTimes(1);
  expect(time.grant()).toBe("little");
});

test("work that was held back goes on when processors become idle", () => {
  const { time, pass } = machine();
  pass(150, 0);
  time.stepped();
  expect(time.grant()).toBe("none");
  pass(110, 1.5);
  expect(time.grant()).toBe("much");
});

test("where the kernel tells nothing, nothing is held back", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const time = new SpareTime(
    () => {},
    () => Number.NaN,
  );
  vi.advanceTimersByTime(200);
  expect(time.grant()).toBe("much");
});

test("the kernel's count is there and never gets less", () => {
  const before = readSpareTime();
  expect(before).toBeGreaterThan(0);
  expect(readSpareTime()).toBeGreaterThanOrEqual(before);
});
