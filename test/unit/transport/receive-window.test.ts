import { describe, expect, test } from "vitest";
import {
  Budget,
  INITIAL_WINDOW,
  LARGEST_WINDOW,
  largestWindow,
  ReceiveWindow,
  WINDOW_BUDGET,
} from "../../../src/transport/receive-window.ts";

const PACKET = 32 * 1024;

/** As large as it may grow on a short line. */
const SHORT_LINE = 2 * INITIAL_WINDOW;

function windowWith(budget = new Budget(1 << 30), largest = SHORT_LINE) {
  const grants: number[] = [];
  const grant = (bytes: number): void => void grants.push(bytes);
  return { budget, grants, window: new ReceiveWindow(budget, grant, largest) };
}

function sum(numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

describe("ReceiveWindow", () => {
  test("grants nothing while the consumer holds the data", () => {
    const { window, grants } = windowWith();
    for (let sent = 0; sent < INITIAL_WINDOW; sent += PACKET) {
      expect(window.received(PACKET)).toBe(true);
    }
    expect(grants).toEqual([]);
  });

  test("a byte past the window is noticed", () => {
    const { window } = windowWith();
    expect(window.received(INITIAL_WINDOW)).toBe(true);
    expect(window.received(1)).toBe(false);
  });

  test("grants all credit when less than half the window is open, and not before", () => {
    const { window, grants } = windowWith();
    window.received(INITIAL_WINDOW / 2);
    window.consumed(PACKET);
    expect(grants).toEqual([]);
    const behind = windowWith();
    behind.window.received(INITIAL_WINDOW / 2 + 1);
    behind.window.consumed(10 * PACKET);
    expect(behind.grants).toEqual([10 * PACKET]);
  });

  test("answers data that comes in with a grant every few packets: it carries TCP's ACK", () => {
    const { window, grants } = windowWith();
    for (let i = 0; i < 12; i++) {
      window.received(PACKET);
      window.consumed(PACKET);
    }
    expect(grants).toEqual([64 * 1024, 96 * 1024, 96 * 1024, 96 * 1024]);
  });

  test("on a long line begins larger, as soon as bulk data comes in", () => {
    const { window, grants, budget } = windowWith(new Budget(1 << 30), LARGEST_WINDOW);
    window.received(256 * 1024 - 1);
    expect(budget.left).toBe(1 << 30);
    window.received(1);
    expect(window.limit).toBe(LARGEST_WINDOW / 4);
    expect(grants).toEqual([LARGEST_WINDOW / 4 - INITIAL_WINDOW]);
    window.received(1);
    expect(grants).toHaveLength(1);
  });

  test("takes at most a quarter of what is left: later ones find something, too", () => {
    const budget = new Budget(WINDOW_BUDGET);
    const limits = Array.from({ length: 40 }, () => {
      const { window } = windowWith(budget, LARGEST_WINDOW);
      for (let i = 0; i < 8192; i++) {
        window.received(PACKET);
        window.consumed(PACKET);
      }
      return window.limit / (1024 * 1024);
    });
    expect(limits.slice(0, 8)).toEqual([64, 64, 32, 32, 16, 16, 13, 10.25]);
    expect(budget.left).toBeGreaterThanOrEqual(0);
  });

  test("wide packets are granted again whole: nothing is held back from a long line", () => {
    const wide = 256 * 1024;
    const { window, grants } = windowWith(new Budget(1 << 30), LARGEST_WINDOW);
    window.received(wide);
    grants.length = 0;
    window.received(wide);
    window.consumed(2 * wide);
    for (let i = 0; i < 3; i++) {
      window.received(wide);
      window.consumed(wide);
    }
    expect(grants).toEqual([2 * wide, wide, wide]);
  });

  test("grows for bulk data up to the largest window, and never lets more be held", () => {
    const { window, grants } = windowWith(new Budget(1 << 30), LARGEST_WINDOW);
    let received = 0;
    for (let i = 0; i < 4096; i++) {
      expect(window.received(PACKET)).toBe(true);
      received += PACKET;
      window.consumed(PACKET);
    }
    expect(window.limit).toBe(LARGEST_WINDOW);
    const open = INITIAL_WINDOW + sum(grants) - received;
    expect(open).toBeLessThanOrEqual(LARGEST_WINDOW);
    expect(open).toBeGreaterThan(LARGEST_WINDOW / 2);
  });

  test("does not grow while the consumer is behind", () => {
    const { window } = windowWith();
    window.received(INITIAL_WINDOW);
    for (let i = 0; i < 400; i++) {
      window.consumed(INITIAL_WINDOW / 4);
      window.received(INITIAL_WINDOW / 4);
    }
    expect(window.limit).toBe(INITIAL_WINDOW);
  });

  test("stays small when the budget is spent, and gives back what it took when closed", () => {
    const budget = new Budget(4 * INITIAL_WINDOW);
    const first = windowWith(budget);
    const second = windowWith(budget);
    for (const { window } of [first, second]) {
      for (let i = 0; i < 1024; i++) {
        window.received(PACKET);
        window.consumed(PACKET);
      }
    }
    expect(first.window.limit).toBe(2 * INITIAL_WINDOW);
    expect(second.window.limit).toBe(INITIAL_WINDOW);
    expect(budget.left).toBe(3 * INITIAL_WINDOW);
    first.window.close();
    first.window.close();
    second.window.close();
    expect(budget.left).toBe(4 * INITIAL_WINDOW);
  });

  test("credit for more than was received is not given", () => {
    const { window, grants } = windowWith();
    window.received(1000);
    window.consumed(100 * INITIAL_WINDOW);
    expect(grants).toEqual([]);
  });

  test("a closed window grants nothing", () => {
    const { window, grants } = windowWith();
    window.received(INITIAL_WINDOW);
    window.close();
    window.consumed(INITIAL_WINDOW);
    expect(grants).toEqual([]);
  });
});

test.each([
  [0, 4],
  [0.3, 4],
  [5, 4],
  [30, 18.31],
  [100, 61.04],
  [10_000, 64],
])("a round trip of %d ms may have a window of %d MiB", (roundTrip, mebibytes) => {
  expect(largestWindow(roundTrip) / (1024 * 1024)).toBeCloseTo(mebibytes, 1);
});
