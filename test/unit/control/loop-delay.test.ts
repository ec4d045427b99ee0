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
    now += 50 + late;
    meter.look();
  }
}

test("nothing is known at first", () => {
  expect(meter.figures).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
});

test("tells what most, nearly all and the unluckiest waited", () => {
  look(0.25, 940);
  look(3, 51);
  look(7, 8);
  look(12.5);
  expect(meter.figures).toEqual({ p50Ms: 0.3, p99Ms: 3, maxMs: 12.5 });
});

test("a timer that comes early is no delay, nor does it make the next one late", () => {
  look(-1, 5);
  look(0);
  expect(meter.figures).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
});

test("a stop of a second counts for all who would have come in it", () => {
  look(0, 20);
  look(1_000);
  // Of 41 moments 21 lay in the stop, the last of which ends with it.
  expect(meter.figures).toEqual({ p50Ms: 0, p99Ms: 1_000, maxMs: 1_000 });
  look(0);
  look(1_000);
  // 23 moments without delay, then two each of 50, 100, 150 ms …: the 32nd of 63.
  expect(meter.figures.p50Ms).toBe(250);
});

test("what is longer ago than a minute is forgotten, and a stop of an hour is no more than that", () => {
  look(3_600_000);
  expect(meter.figures.maxMs).toBe(3_600_000);
  look(2, 1_200);
  expect(meter.figures).toEqual({ p50Ms: 2, p99Ms: 2, maxMs: 2 });
});
