import { expect, test } from "vitest";
import { Fence } from "../../../src/quota/fence.ts";
import { Life } from "../../../src/store/life.ts";

let now = 0;
const clock = () => now;
const clocks = { monotonic: clock, wall: clock, uptime: clock };

function fenced() {
  now = 1_000;
  const life = new Life({ machine: "a", host: "a", leaseMs: 10_000 }, clocks);
  life.renew(() => true);
  return new Fence(life);
}

test("what ends after the time to write is over has its home counted again", () => {
  const fence = fenced();
  fence.ended(1);
  expect(fence.late).toEqual([]);
  const act = fence.guard(2, () => {
    now += 9_000;
    return "done";
  });
  expect(act()).toBe("done");
  expect(fence.late).toEqual([2]);
  fence.ended(3);
  fence.counted(2);
  expect(fence.late).toEqual([3]);
});

test("after it nothing is begun", () => {
  const fence = fenced();
  let done = 0;
  const act = fence.guard(1, () => {
    done += 1;
  });
  act();
  now += 9_000;
  expect(act).toThrow("lost touch");
  expect(done).toBe(1);
});

test("one machine alone has no fence, and its acts are called as they are", () => {
  const fence = new Fence(new Life(undefined));
  const act = (): void => {};
  expect(fence.guard(1, act)).toBe(act);
  fence.miss(1);
  expect(fence.late).toEqual([]);
});
