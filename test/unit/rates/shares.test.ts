import { expect, test } from "vitest";
import { Rates } from "../../../src/rates/rates.ts";
import { ShareKeeper } from "../../../src/rates/share-keeper.ts";
import { split } from "../../../src/rates/split.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { keepMoving, Traffic } from "./traffic.ts";

const MB = 1_000_000;
const ENDED = new Error("ended");
const LIMITS = { uploadRate: 10 * MB, downloadRate: null };

/** Workers, and a supervisor that they hear from a millisecond later. */
function crew(size: number) {
  const clock = new FakeClock();
  const state = { messages: 0 };
  const workers: Rates[] = [];
  const keeper = new ShareKeeper<number>((worker, shares) => {
    state.messages += 1;
    clock.after(1, () => workers[worker]?.take(shares));
  });
  for (let worker = 0; worker < size; worker += 1) {
    workers.push(
      new Rates({
        clock,
        say: (wants) => {
          state.messages += 1;
          clock.after(1, () => keeper.heard(worker, wants));
        },
      }),
    );
  }
  const traffic = new Traffic(clock);
  const session = (worker: number, limits = LIMITS) => {
    const pace = (workers[worker] as Rates).session(7, limits);
    return { pace, traffic: new Traffic(clock), whole: traffic };
  };
  return { clock, state, workers, keeper, traffic, session };
}

test.each([
  ["nobody", 100, [], []],
  ["one", 100, [{ weight: 1, wanted: 7 }], [100]],
  ["two alike", 100, [null, null].map((wanted) => ({ weight: 1, wanted })), [50, 50]],
  [
    "by sessions",
    100,
    [
      { weight: 3, wanted: null },
      { weight: 1, wanted: null },
    ],
    [75, 25],
  ],
  [
    "one wants little",
    100,
    [
      { weight: 1, wanted: 10 },
      { weight: 1, wanted: null },
    ],
    [10, 90],
  ],
  [
    "both want little",
    100,
    [
      { weight: 1, wanted: 10 },
      { weight: 1, wanted: 30 },
    ],
    [40, 60],
  ],
  [
    "one is gone",
    100,
    [
      { weight: 0, wanted: 0 },
      { weight: 1, wanted: null },
    ],
    [0, 100],
  ],
])("a rate is split: %s", (_, rate, demands, parts) => {
  expect(split(rate, demands)).toEqual(parts);
});

test("sessions in two workers have the user's rate together, each the same", async () => {
  const { clock, session, state, traffic } = crew(2);
  const sessions = [session(0), session(1), session(1)];
  for (const { pace, traffic: own, whole } of sessions) {
    keepMoving(pace.upload, 256 * 1024, 8, own, whole);
  }
  await clock.run(10_000);
  expect(traffic.fastest).toBeLessThanOrEqual(1.05 * 10 * MB);
  expect(traffic.total()).toBeGreaterThan(0.95 * 100 * MB);
  for (const { traffic: own } of sessions) {
    expect(own.total(1_000) / traffic.total(1_000)).toBeCloseTo(1 / 3, 1);
  }
  expect(state.messages).toBeLessThan(60);
});

test("what a worker needs no more goes to the other one", async () => {
  const { clock, session, traffic } = crew(2);
  const [one, other] = [session(0), session(1)];
  keepMoving(one.pace.upload, 256 * 1024, 8, traffic);
  keepMoving(other.pace.upload, 256 * 1024, 8, traffic, other.traffic);
  await clock.run(5_000);
  one.pace.close(ENDED);
  await clock.run(2_000);
  const before = other.traffic.total();
  await clock.run(5_000);
  expect(other.traffic.total() - before).toBeGreaterThan(0.95 * 5 * 10 * MB);
  expect(traffic.fastest).toBeLessThanOrEqual(1.05 * 10 * MB);
  other.pace.close(ENDED);
  await clock.run(5_000);
  expect(clock.timers).toBe(0);
});

test("what a worker that died had goes to the others", async () => {
  const { clock, keeper, session, traffic } = crew(2);
  const [one, other] = [session(0), session(1)];
  keepMoving(one.pace.upload, 256 * 1024, 8, traffic);
  keepMoving(other.pace.upload, 256 * 1024, 8, traffic, other.traffic);
  await clock.run(3_000);
  one.pace.close(ENDED);
  keeper.lost(0);
  const before = other.traffic.total();
  await clock.run(5_000);
  expect(other.traffic.total() - before).toBeGreaterThan(0.95 * 5 * 10 * MB);
});

test("a change of the rate holds for all workers, whoever hears of it first", async () => {
  const { clock, session, traffic, workers } = crew(2);
  for (const worker of [0, 1]) keepMoving(session(worker).pace.upload, 256 * 1024, 8, traffic);
  await clock.run(5_000);
  const lower = { uploadRate: MB, downloadRate: null };
  workers[0]?.setUser(7, lower);
  await clock.run(100);
  workers[1]?.setUser(7, lower);
  await clock.run(10_000);
  expect(traffic.total(5_200)).toBeLessThan(1.05 * 10 * MB);
  expect(traffic.total(5_200)).toBeGreaterThan(0.9 * 9.9 * MB);
  for (const worker of workers) worker.setUser(7, { uploadRate: 20 * MB, downloadRate: null });
  await clock.run(5_000);
  expect(traffic.total(15_100)).toBeGreaterThan(0.95 * 5 * 20 * MB);
  for (const worker of workers) worker.setUser(7, { uploadRate: null, downloadRate: null });
  const { pace } = session(0);
  expect(pace.upload.isLimited).toBe(false);
});

test("an idle worker says nothing", async () => {
  const { clock, session, state } = crew(2);
  session(0);
  await clock.run(5_000);
  expect(state.messages).toBeLessThanOrEqual(1);
  expect(clock.timers).toBe(0);
});
