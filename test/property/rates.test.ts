import fc from "fast-check";
import { expect, test } from "vitest";
import { Pacer } from "../../src/rates/pacer.ts";
import { Rates } from "../../src/rates/rates.ts";
import { ShareKeeper, type Shares } from "../../src/rates/share-keeper.ts";
import { split } from "../../src/rates/split.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { move, Traffic } from "../unit/rates/traffic.ts";

const SIZES = [1, 100, 4_096, 5_000, 32_768, 262_144];
const RATE = fc.constantFrom(10_000, 123_457, 1_000_000, 50_000_000);

const CLIENT = fc
  .record({
    user: fc.nat({ max: 2 }),
    size: fc.constantFrom(...SIZES),
    depth: fc.integer({ min: 1, max: 20 }),
    /** between two requests, in milliseconds */
    thinks: fc.constantFrom(0, 0, 1, 50, 700),
    /** of another client, from then on */
    begins: fc.nat({ max: 3_000 }),
  })
  // A byte at a time without a pause is a million requests a second, and takes a minute to play.
  .map((client) =>
    client.thinks > 0 ? client : { ...client, size: Math.max(client.size, 4_096) },
  );

/** Requests as a client makes them, until the lane is closed. */
async function act(
  clock: FakeClock,
  client: { readonly begins: number; readonly thinks: number; readonly depth: number },
  request: () => Promise<void>,
): Promise<void> {
  await clock.pause(client.begins);
  const one = async (): Promise<void> => {
    for (;;) {
      await request();
      if (client.thinks > 0) await clock.pause(client.thinks);
    }
  };
  for (let index = 0; index < client.depth; index += 1) one().catch(() => {});
}

/** A limit of time would cut off the first run where a machine is busy. */
const RUNS = { numRuns: 20 };

test("no more than the rate moves in any five seconds, and nobody starves", async () => {
  const clients = fc.array(CLIENT, { minLength: 1, maxLength: 6 });
  const late = fc.array(fc.constantFrom(0, 0, 0, 3, 30), { minLength: 1, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(clients, RATE, fc.option(RATE), late, async (all, rate, server, lateness) => {
      let timer = 0;
      const clock = new FakeClock(() => lateness[timer++ % lateness.length] ?? 0);
      const pacer = new Pacer({ clock });
      pacer.setRate("server", server);
      const [whole, ...users] = [0, 1, 2, 3].map(() => new Traffic(clock));
      const own = all.map(() => new Traffic(clock));
      const lanes = all.map((client, index) => {
        const lane = pacer.lane(client.user);
        pacer.setRate(client.user, rate);
        const noted = [whole, users[client.user], own[index]].filter((one) => one !== undefined);
        void act(clock, client, () => move(lane, client.size, ...noted));
        return lane;
      });
      await clock.run(8_000);
      for (const user of users) expect(user.fastest).toBeLessThanOrEqual(1.05 * rate);
      if (server !== null) expect(whole?.fastest ?? 0).toBeLessThanOrEqual(1.05 * server);
      // The slowest rate has a handful of turns in that time: everybody has had one after a while.
      if (own.some((traffic) => traffic.total() === 0)) await clock.run(60_000);
      for (const traffic of own) expect(traffic.total()).toBeGreaterThan(0);
      for (const lane of lanes) lane.close(new Error("over"));
      await clock.run(1_000);
      expect(clock.timers).toBe(0);
    }),
    RUNS,
  );
});

test("sessions of a user have equal parts, also where one asks for a byte at a time", async () => {
  const clock = new FakeClock();
  const pacer = new Pacer({ clock });
  pacer.setRate("server", 10_000);
  const clients = [
    { user: 1, size: 4_096, depth: 1, thinks: 0, begins: 0 },
    { user: 0, size: 4_096, depth: 1, thinks: 0, begins: 0 },
    { user: 0, size: 1, depth: 5, thinks: 1, begins: 1 },
  ];
  const [other, large, small] = clients.map((client) => {
    const traffic = new Traffic(clock);
    const lane = pacer.lane(client.user);
    pacer.setRate(client.user, 10_000);
    void act(clock, client, () => move(lane, client.size, traffic));
    return traffic;
  });
  await clock.run(20_000);
  const parts = [other, large, small].map((traffic) => (traffic?.total() ?? 0) / 20_000);
  expect(parts[0]).toBeCloseTo(5, 0);
  expect(parts[1]).toBeCloseTo(2.5, 0);
  expect(parts[2]).toBeCloseTo(2.5, 0);
});

test("workers together keep to the rates", async () => {
  const clients = fc.array(fc.record({ client: CLIENT, worker: fc.nat({ max: 2 }) }), {
    minLength: 1,
    maxLength: 6,
  });
  const delay = fc.integer({ min: 1, max: 40 });
  await fc.assert(
    fc.asyncProperty(clients, delay, fc.option(RATE), async (all, delayMs, server) => {
      const rate = 1_000_000;
      const clock = new FakeClock();
      const workers: Rates[] = [];
      // In order, as on a pipe.
      const later = (act: () => void): void => void clock.after(delayMs, act);
      const keeper = new ShareKeeper<number>((worker, shares: Shares) =>
        later(() => workers[worker]?.take(shares)),
      );
      for (const worker of [0, 1, 2]) {
        const say = (wants: Parameters<typeof keeper.heard>[1]): void =>
          later(() => keeper.heard(worker, wants));
        const rates = new Rates({ clock, say });
        rates.setServer({ uploadRate: server, downloadRate: null });
        workers.push(rates);
      }
      const [whole, ...users] = [0, 1, 2, 3].map(() => new Traffic(clock));
      const sessions = all.map(({ client, worker }) => {
        const limits = { uploadRate: rate, downloadRate: null };
        const session = workers[worker]?.session(client.user, limits);
        const noted = [whole, users[client.user]].filter((one) => one !== undefined);
        if (session === undefined) throw new Error("no such worker");
        void act(clock, client, () => move(session.upload, client.size, ...noted));
        return session;
      });
      await clock.run(8_000);
      for (const user of users) expect(user.fastest).toBeLessThanOrEqual(1.05 * rate);
      if (server !== null) expect(whole?.fastest ?? 0).toBeLessThanOrEqual(1.05 * server);
      for (const session of sessions) session.close(new Error("over"));
      await clock.run(3_000);
      expect(clock.timers).toBe(0);
    }),
    RUNS,
  );
});

test("a rate that is split is used up, and nobody has more than wanted while another lacks", () => {
  const demand = fc.record({
    weight: fc.integer({ min: 1, max: 9 }),
    wanted: fc.option(fc.integer({ min: 0, max: 2_000 }), { freq: 3 }),
  });
  fc.assert(
    fc.property(fc.array(demand, { minLength: 1, maxLength: 8 }), (demands) => {
      const parts = split(1_000, demands);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBeCloseTo(1_000, 6);
      const each = demands.map(({ weight }, index) => (parts[index] ?? 0) / weight);
      for (const [index, { wanted }] of demands.entries()) {
        const part = parts[index] ?? 0;
        if (wanted !== null && part >= wanted) continue;
        // One who lacks something has, for the weight, no less than anybody.
        for (const [other, share] of each.entries()) {
          const has = parts[other] ?? 0;
          const wants = demands[other]?.wanted ?? Number.POSITIVE_INFINITY;
          if (has <= wants + 1e-6) expect((each[index] ?? 0) + 1e-6).toBeGreaterThanOrEqual(share);
        }
      }
    }),
  );
});
