import { afterEach, beforeEach, expect, test } from "vitest";
import { LoopDelayMeter } from "../../../src/control/loop-delay.ts";

let now = 0;
let meter: LoopDelayMeter;

beforeEach(() => {
  now = 1_000;
  meter = new LoopDelayMeter(() => now);
});

afterEach(() => meter.close());

function look(late: number, times = 1): void {
  for (let i = 0; i < times; i += 1) {
    now += 20 + late;
    meter.look();
  }
}

test("nothing is known at first", () => {
  expect(meter.figures).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
});

test("tells what most, nearly all and the unluckiest waited", () => {
  look(0.25, 940);
  look(3, 50);
  look(7, 9);
  look(12.5);
  expect(meter.figures).toEqual({ p50Ms: 0.3, p99Ms: 3, maxMs: 12.5 });
});

test("a timer that comes early is no delay, nor does it make the next one late", () => {
  look(-1, 5);
  look(0);
  expect(meter.figures).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
});

test("a stop of a second counts for all who would have come in it", () => {
  look(0, 50);
  look(1_000);
  const { p50Ms, p99Ms, maxMs } = meter.figures;
  expect(maxMs).toBe(1_000);
  expect(p99Ms).toBe(980);
  // Half of the moments lay in the stop, and each second of them waited for less than its half.
  expect(p50Ms).toBeLessThanOrEqual(20);
});

test("what is longer ago than a minute is forgotten, and a stop of an hour is no more than that", () => {
  look(3_600_000);
  expect(meter.figures.maxMs).toBe(3_600_000);
  look(2, 3_000);
  expect(meter.figures).toEqual({ p50Ms: 2, p99Ms: 2, maxMs: 2 });
});
