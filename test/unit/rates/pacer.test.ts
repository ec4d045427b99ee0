import { expect, test } from "vitest";
import { Pacer } from "../../../src/rates/pacer.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { keepMoving, move, Traffic } from "./traffic.ts";

const MB = 1_000_000;
const ENDED = new Error("ended");

function world(rates: { readonly server?: number; readonly users?: readonly number[] }) {
  const clock = new FakeClock();
  const pacer = new Pacer({ clock });
  pacer.setRate("server", rates.server ?? null);
  const traffic = new Traffic(clock);
  const session = (userId: number) => {
    const lane = pacer.lane(userId);
    const rate = rates.users?.[userId];
    if (rate !== undefined) pacer.setRate(userId, rate);
    return { lane, traffic: new Traffic(clock) };
  };
  return { clock, pacer, traffic, session };
}

test("a session moves close to its rate, and not more in any five seconds", async () => {
  const { clock, session, traffic } = world({ users: [MB] });
  const { lane } = session(0);
  keepMoving(lane, 256 * 1024, 8, traffic);
  await clock.run(20_000);
  expect(traffic.fastest).toBeLessThanOrEqual(1.05 * MB);
  expect(traffic.total()).toBeGreaterThan(0.98 * 20 * MB);
});

test("the sessions of a user share its rate evenly, whatever the size of their requests", async () => {
  const { clock, session, traffic } = world({ users: [MB] });
  const sessions = [256 * 1024, 32 * 1024, 64 * 1024].map((bytes, index) => {
    const one = session(0);
    keepMoving(one.lane, bytes, 1 + index * 8, one.traffic, traffic);
    return one;
  });
  await clock.run(10_000);
  expect(traffic.fastest).toBeLessThanOrEqual(1.05 * MB);
  for (const one of sessions) {
    expect(one.traffic.total()).toBeGreaterThan(0.3 * 10 * MB);
    expect(one.traffic.total()).toBeLessThan(0.36 * 10 * MB);
  }
});

test("the users share the server's rate evenly, but for those whose own is lower", async () => {
  const { clock, session, traffic } = world({ server: 4 * MB, users: [MB / 2] });
  const users = [0, 1, 2, 2, 2].map((user) => {
    const one = session(user);
    keepMoving(one.lane, 256 * 1024, 4, one.traffic, traffic);
    return one;
  });
  await clock.run(10_000);
  expect(traffic.fastest).toBeLessThanOrEqual(4 * 1.05 * MB);
  expect(traffic.total()).toBeGreaterThan(0.95 * 40 * MB);
  const [own = 0, alone = 0, ...three] = users.map((one) => one.traffic.total() / 10 / MB);
  expect(own).toBeCloseTo(0.5, 1);
  expect(alone).toBeCloseTo(1.75, 1);
  expect(three.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1.75, 1);
});

test("requests of a lane are served in their order", async () => {
  const { clock, session } = world({ users: [MB] });
  const { lane } = session(0);
  const done: number[] = [];
  for (const number of [1, 2, 3]) {
    void move(lane, 100_000).then(() => done.push(number));
  }
  await clock.run(1_000);
  expect(done).toEqual([1, 2, 3]);
});

test("a small request goes ahead of bulk, and bulk is not starved by many of them", async () => {
  const { clock, session, traffic } = world({ users: [MB] });
  const [bulk, small] = [session(0), session(0)];
  keepMoving(bulk.lane, 256 * 1024, 16, bulk.traffic, traffic);
  await clock.run(5_000);
  let isDone = false;
  void move(small.lane, 4_096).then(() => {
    isDone = true;
  });
  await clock.run(0);
  expect(isDone).toBe(true);
  const before = bulk.traffic.total();
  keepMoving(small.lane, 4_096, 64, small.traffic, traffic);
  await clock.run(10_000);
  expect(bulk.traffic.total() - before).toBeGreaterThan(0.45 * 10 * MB);
  expect(traffic.fastest).toBeLessThanOrEqual(1.05 * MB);
});

test("a change of the rate is in force at once for what waits", async () => {
  const { clock, pacer, session, traffic } = world({ users: [20_000] });
  const { lane } = session(0);
  keepMoving(lane, 256 * 1024, 2, traffic);
  await clock.run(10_000);
  pacer.setRate(0, 10 * MB);
  await clock.run(1_000);
  expect(traffic.total(10_000)).toBeGreaterThan(9 * MB);
  pacer.setRate(0, 20_000);
  await clock.run(10_000);
  expect(traffic.total(11_001)).toBeLessThan(1.05 * 10 * 20_000);
  const waiting = move(lane, MB);
  pacer.setRate(0, null);
  expect(lane.isLimited).toBe(false);
  await expect(waiting).resolves.toBeUndefined();
  expect(clock.timers).toBe(0);
  lane.close(ENDED);
});

test("a limit that is set while there was none holds from then on", async () => {
  const { clock, pacer, session, traffic } = world({});
  const { lane } = session(0);
  expect(lane.isLimited).toBe(false);
  pacer.setRate("server", MB);
  expect(lane.isLimited).toBe(true);
  keepMoving(lane, 64 * 1024, 2, traffic);
  await clock.run(10_000);
  expect(traffic.fastest).toBeLessThanOrEqual(1.05 * MB);
});

test("who is ended waits no more, and no timer is left", async () => {
  const { clock, pacer, session } = world({ users: [20_000] });
  const { lane } = session(0);
  const [first, second] = [move(lane, MB), move(lane, MB)];
  const passage = lane.enter(MB);
  const third = passage.next();
  passage.end(new Error("closed"));
  await expect(third).rejects.toThrow("closed");
  expect(clock.timers).toBe(1);
  lane.close(ENDED);
  await expect(first).rejects.toThrow("ended");
  await expect(second).rejects.toThrow("ended");
  await expect(move(lane, 1)).rejects.toThrow("ended");
  expect(clock.timers).toBe(0);
  expect(pacer.has(0)).toBe(false);
});

test("the end of one passage lets the next one go on", async () => {
  const { clock, session } = world({ users: [100_000] });
  const { lane } = session(0);
  const passage = lane.enter(10 * MB);
  await clock.run(1_000);
  await passage.next();
  const next = move(lane, 10_000);
  passage.end(ENDED);
  await clock.run(200);
  await expect(next).resolves.toBeUndefined();
});

test("what did not move is given back", async () => {
  const { clock, session, traffic } = world({ users: [100_000] });
  const { lane } = session(0);
  for (let index = 0; index < 1_000; index += 1) {
    const passage = lane.enter(2_000);
    void passage.next().then((bytes) => {
      passage.giveBack(bytes - 1);
      passage.end(ENDED);
      traffic.note(1);
    });
    await clock.run(1);
  }
  expect(traffic.total()).toBe(1_000);
});
