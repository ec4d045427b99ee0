import { describe, expect, test } from "vitest";
import { MemoryBudget } from "../../../src/memory/budget.ts";
import {
  INITIAL_WINDOW,
  LARGEST_WINDOW,
  largestWindow,
  ReceiveWindow,
  SMALLEST_WINDOW,
  takeFirstWindow,
} from "../../../src/ssh/receive-window.ts";

const PACKET = 32 * 1024;

/** As large as it may grow on a short line. */
const SHORT_LINE = 2 * INITIAL_WINDOW;

const MIB = 1024 * 1024;

function windowWith(memory = new MemoryBudget(1 << 30).user(), largest = SHORT_LINE) {
  const grants: number[] = [];
  const grant = (bytes: number): void => void grants.push(bytes);
  memory.force(INITIAL_WINDOW);
  const options = { initial: INITIAL_WINDOW, largest };
  return { memory, grants, window: new ReceiveWindow(memory, grant, options) };
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
    const { window, grants, memory } = windowWith(undefined, LARGEST_WINDOW);
    window.received(256 * 1024 - 1);
    expect(memory.used).toBe(INITIAL_WINDOW);
    window.received(1);
    expect(window.limit).toBe(LARGEST_WINDOW / 4);
    expect(grants).toEqual([LARGEST_WINDOW / 4 - INITIAL_WINDOW]);
    window.received(1);
    expect(grants).toHaveLength(1);
  });

  test("takes at most a quarter of what is left: later ones find something, too", () => {
    const budget = new MemoryBudget(512 * MIB);
    const user = budget.user();
    const limits = Array.from({ length: 40 }, () => {
      const { window } = windowWith(user, LARGEST_WINDOW);
      for (let i = 0; i < 8192; i++) {
        window.received(PACKET);
        window.consumed(PACKET);
      }
      return Math.round(window.limit / MIB);
    });
    expect(limits.slice(0, 8)).toEqual([64, 64, 32, 32, 16, 14, 10, 8]);
    // Beyond what each begins with, half of it all at most.
    expect(user.used - 40 * INITIAL_WINDOW).toBeLessThanOrEqual(256 * MIB);
    expect(budget.used).toBe(user.used);
  });

  test("wide packets are granted again whole: nothing is held back from a long line", () => {
    const wide = 256 * 1024;
    const { window, grants } = windowWith(undefined, LARGEST_WINDOW);
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
    const { window, grants } = windowWith(undefined, LARGEST_WINDOW);
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

  test("stays small when its user's share is spent, and gives all back when closed", () => {
    const budget = new MemoryBudget(20 * INITIAL_WINDOW);
    const user = budget.user();
    const first = windowWith(user);
    const second = windowWith(user);
    user.force(5 * INITIAL_WINDOW);
    for (const { window } of [first, second]) {
      for (let i = 0; i < 1024; i++) {
        window.received(PACKET);
        window.consumed(PACKET);
      }
    }
    expect(first.window.limit).toBe(INITIAL_WINDOW);
    expect(second.window.limit).toBe(INITIAL_WINDOW);
    first.window.close();
    first.window.close();
    second.window.close();
    user.give(5 * INITIAL_WINDOW);
    expect(budget.used).toBe(0);
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

describe("the window of a new channel", () => {
  test("is small when many have one, and at last there is none but for a first channel", () => {
    const user = new MemoryBudget(64 * MIB).user();
    const windows: number[] = [];
    for (let window = takeFirstWindow(user, false); window !== undefined; ) {
      windows.push(window);
      window = takeFirstWindow(user, false);
    }
    expect(windows[0]).toBe(512 * 1024);
    expect(windows.at(-1)).toBe(SMALLEST_WINDOW);
    expect(windows.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(32 * MIB);
    expect(takeFirstWindow(user, true)).toBe(SMALLEST_WINDOW);
  });

  test("lets the largest request in, however it comes", () => {
    const frame = 4 + 257 * 1024;
    const memory = new MemoryBudget(1).user();
    const options = { initial: SMALLEST_WINDOW, largest: SHORT_LINE };
    let open = options.initial;
    const window = new ReceiveWindow(memory, (bytes) => (open += bytes), options);
    for (const chunk of [701, 32_768, 50_000, frame]) {
      for (let round = 0; round < 20; round++) {
        for (let left = frame; left > 0; ) {
          const sent = Math.min(chunk, left, open);
          if (sent === 0) throw new Error(`stuck ${left} bytes before the request's end`);
          open -= sent;
          left -= sent;
          expect(window.received(sent)).toBe(true);
        }
        window.consumed(frame);
      }
    }
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
