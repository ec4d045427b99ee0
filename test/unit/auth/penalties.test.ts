import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  afterOffence,
  type Offence,
  Penalties,
  type PenaltySettings,
  waitText,
} from "../../../src/auth/penalties.ts";
import type { SourceRecord } from "../../../src/store/penalties.ts";
import type { AuditEvent } from "../../../src/store/types.ts";
import { rawDatabase, storeAt, temporaryRoot } from "../store/instance.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const EVE = "198.51.100.66";

let now: number;
let root: string;
let events: AuditEvent[];
let settings: { -readonly [K in keyof PenaltySettings]: PenaltySettings[K] };

beforeEach(async () => {
  now = 1_700_000_000_000;
  root = await temporaryRoot();
  events = [];
  settings = {
    failures: 10,
    recovery: 5 * MINUTE,
    max: 60 * MINUTE,
    noLogin: 1_000,
    noSsh: 30_000,
    ipv4Prefix: 32,
    ipv6Prefix: 64,
    exempt: ["127.0.0.0/8", "::1"],
    maxSources: 10_000,
  };
});

/** One process of the instance. */
async function process(): Promise<Penalties> {
  const store = await storeAt(root);
  return new Penalties({
    store: store.penalties,
    settings,
    record: (event) => events.push(event),
    log: { warn() {} },
    now: () => now,
  });
}

async function fail(penalties: Penalties, times: number, address = EVE): Promise<void> {
  for (let n = 0; n < times; n += 1) await penalties.add(address, "login", "ann");
}

async function rows(): Promise<number> {
  const database = await rawDatabase(root);
  return database.prepare<[], number>("SELECT count(*) FROM penalties").pluck().get() ?? 0;
}

describe("password guessing", () => {
  test("costs nothing until the tenth failure, then five minutes", async () => {
    const penalties = await process();
    await fail(penalties, 9);
    expect(await penalties.wait(EVE)).toBe(0);
    await fail(penalties, 1);
    expect(await penalties.wait(EVE)).toBe(5 * MINUTE);
    now += 5 * MINUTE - 1;
    expect(await penalties.wait(EVE)).toBe(1);
    now += 1;
    expect(await penalties.wait(EVE)).toBe(0);
  });

  test("counts ten failures as ten when they take their time", async () => {
    const penalties = await process();
    for (let n = 0; n < 10; n += 1) {
      expect(await penalties.wait(EVE)).toBe(0);
      await fail(penalties, 1);
      now += 10_000;
    }
    expect(await penalties.wait(EVE)).toBe(5 * MINUTE - 10_000);
  });

  test("as often as an address may: 300 guesses a day, not more", async () => {
    const penalties = await process();
    const end = now + DAY;
    let guesses = 0;
    while (now < end) {
      if ((await penalties.wait(EVE)) === 0) {
        guesses += 1;
        await fail(penalties, 1);
      } else now += 1_000;
    }
    expect(guesses).toBe(10 + DAY / (5 * MINUTE) - 1);
  });

  test("whoever is refused and goes on by connections that were open waits up to an hour", async () => {
    const penalties = await process();
    await fail(penalties, 11);
    expect(await penalties.wait(EVE)).toBe(10 * MINUTE);
    await fail(penalties, 1_000);
    expect(await penalties.wait(EVE)).toBe(60 * MINUTE);
  });

  test("ending a connection that was open does not shorten it", async () => {
    const penalties = await process();
    await fail(penalties, 10);
    now += 2 * MINUTE;
    await penalties.add(EVE, "no-login");
    await penalties.add(EVE, "no-ssh");
    expect(await penalties.wait(EVE)).toBe(3 * MINUTE + 31_000);
  });

  test("somebody who mistypes three times a day, every day, is never refused", async () => {
    const penalties = await process();
    for (let day = 0; day < 30; day += 1) {
      await fail(penalties, 3);
      expect(await penalties.wait(EVE)).toBe(0);
      now += DAY;
    }
  });

  test("two processes are as strict as one", async () => {
    const [one, other] = [await process(), await process()];
    await fail(one, 5);
    await fail(other, 4);
    expect(await one.wait(EVE)).toBe(0);
    await fail(other, 1);
    expect(await one.wait(EVE)).toBe(5 * MINUTE);
    expect(await other.wait(EVE)).toBe(5 * MINUTE);
  });

  test("at once by a hundred connections counts a hundred times", async () => {
    const [one, other] = [await process(), await process()];
    const guesses = Array.from({ length: 100 }, (_, n) => fail(n % 2 ? one : other, 1));
    await Promise.all(guesses);
    expect((await one.failures())[0]).toMatchObject({ address: EVE, failures: 100 });
  });
});

describe("an attacker can't lock others out", () => {
  test("failures in somebody's name from elsewhere don't count against his address", async () => {
    const penalties = await process();
    await fail(penalties, 100);
    expect(await penalties.wait("192.0.2.7")).toBe(0);
  });

  test("nor do those of a neighbour; but all of an IPv6 /64 are one", async () => {
    const penalties = await process();
    for (let n = 1; n <= 10; n += 1) await fail(penalties, 1, `2001:db8:1:2::${n}`);
    expect(await penalties.wait("2001:db8:1:2:ffff::1")).toBe(5 * MINUTE);
    expect(await penalties.wait("2001:db8:1:3::1")).toBe(0);
    await fail(penalties, 10, "192.0.2.1");
    expect(await penalties.wait("192.0.2.2")).toBe(0);
    expect(await penalties.wait("::ffff:192.0.2.1")).toBe(5 * MINUTE);
  });

  test("ten thousand addresses don't push out the one that is refused, nor fill the database", async () => {
    settings.maxSources = 200;
    const penalties = await process();
    await fail(penalties, 10);
    for (let n = 0; n < 3_000; n += 1) {
      await fail(penalties, 1, `10.1.${n >> 8}.${n & 255}`);
      now += 1;
    }
    expect(await penalties.wait(EVE)).toBeGreaterThan(0);
    expect(await rows()).toBeLessThanOrEqual(200 + 64);
    await penalties.prune();
    expect(await rows()).toBe(200);
  });

  test("the clock set back by a year does not refuse for a year", async () => {
    const penalties = await process();
    await fail(penalties, 10);
    now -= 365 * DAY;
    expect(await penalties.wait(EVE)).toBe(60 * MINUTE);
    await fail(penalties, 1);
    expect(await penalties.wait(EVE)).toBe(60 * MINUTE);
    now += 60 * MINUTE;
    expect(await penalties.wait(EVE)).toBe(0);
  });
});

describe("connections without a login", () => {
  test("a check by a monitor every two seconds is never refused", async () => {
    const penalties = await process();
    for (let n = 0; n < 5_000; n += 1) {
      await penalties.add(EVE, "no-login");
      now += 2_000;
      if (n % 500 === 0) expect(await penalties.wait(EVE)).toBe(0);
    }
    expect(await penalties.wait(EVE)).toBe(0);
  });

  test("a flood of them is refused", async () => {
    const penalties = await process();
    for (let n = 0; n < 3_000; n += 1) await penalties.add(EVE, "no-login");
    expect(await penalties.wait(EVE)).toBe(5 * MINUTE);
  });

  test("what is no SSH counts more", async () => {
    const penalties = await process();
    for (let n = 0; n < 90; n += 1) await penalties.add(EVE, "no-ssh");
    expect(await penalties.wait(EVE)).toBe(0);
    await penalties.add(EVE, "no-ssh");
    expect(await penalties.wait(EVE)).toBe(5 * MINUTE);
    expect(await penalties.list()).toMatchObject([
      { address: EVE, reason: "connections that are no SSH", failures: 0, lastUser: "" },
    ]);
    expect(await penalties.failures()).toEqual([]);
  });
});

describe("exempt addresses", () => {
  test("are never refused, but their failed logins are shown", async () => {
    const penalties = await process();
    await fail(penalties, 100, "127.0.0.1");
    await penalties.add("::1", "no-login");
    expect(await penalties.wait("127.0.0.1")).toBe(0);
    expect(await penalties.list()).toEqual([]);
    expect(await penalties.failures()).toMatchObject([{ address: "127.0.0.1", failures: 100 }]);
    expect(await rows()).toBe(1);
    expect(events).toEqual([]);
  });

  test("and whoever becomes exempt is let in at once", async () => {
    const penalties = await process();
    await fail(penalties, 10);
    settings.exempt = ["198.51.100.0/24"];
    expect(await penalties.wait(EVE)).toBe(0);
    await fail(penalties, 1);
    settings.exempt = [];
    expect(await penalties.wait(EVE)).toBe(0);
  });

  test("0 failures switches all of it off", async () => {
    settings.failures = 0;
    const penalties = await process();
    await fail(penalties, 100);
    expect(await penalties.wait(EVE)).toBe(0);
  });
});

describe("administration", () => {
  test("sees who is refused, why, since when and how long, and the names tried", async () => {
    const penalties = await process();
    const start = now;
    for (const user of ["a", "b", "c", "d", "e", "f", "a"]) await penalties.add(EVE, "login", user);
    now += 1_000;
    await fail(penalties, 4);
    expect(await penalties.list()).toEqual([
      {
        address: EVE,
        reason: "failed logins",
        failures: 11,
        lastUser: "ann",
        since: start + 1_000,
        until: start + 1_000 + 10 * MINUTE - 1_000,
      },
    ]);
    expect(await penalties.failures()).toEqual([
      { address: EVE, failures: 11, users: ["ann", "a", "f", "e", "d"], lastAt: now },
    ]);
    now += DAY;
    expect(await penalties.list()).toEqual([]);
  });

  test("a penalty is in the audit trail once, not for each further failure", async () => {
    const penalties = await process();
    await fail(penalties, 12);
    expect(events).toEqual([
      {
        kind: "penalty",
        remote: EVE,
        user: "ann",
        detail: "refused for 5 minutes: failed logins (10 failed logins)",
      },
    ]);
    now += 20 * MINUTE;
    await fail(penalties, 5);
    expect(events).toHaveLength(2);
  });

  test("lifts a penalty in every process at once, by any name of it", async () => {
    const [one, other] = [await process(), await process()];
    for (const [address, name] of [
      [EVE, EVE],
      ["2001:db8:1:2::5", "2001:db8:1:2::/64"],
      ["2001:db8:1:2::5", "2001:db8:1:2::9"],
    ] as const) {
      await fail(one, 10, address);
      expect(await other.lift(name)).toBe(true);
      expect(await one.wait(address)).toBe(0);
      expect(await one.lift(name)).toBe(false);
    }
    expect(await one.lift("nobody")).toBe(false);
  });

  test("what is over is forgotten after a day", async () => {
    const penalties = await process();
    await fail(penalties, 10);
    now += DAY;
    await penalties.prune();
    expect(await rows()).toBe(1);
    now += 1;
    await penalties.prune();
    expect(await rows()).toBe(0);
  });
});

test("whatever happens, a refusal lasts at least `recovery`, at most `max`, and is never shortened", () => {
  const offence = fc.record({
    kind: fc.constantFrom<Offence>("login", "no-login", "no-ssh"),
    after: fc.integer({ min: 0, max: 10 * MINUTE }),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1_000, max: 10 * MINUTE }),
      fc.array(offence, { maxLength: 200 }),
      (failures, recovery, offences) => {
        const some: PenaltySettings = { ...settings, failures, recovery };
        let at = 1_000_000_000;
        let known: SourceRecord | undefined;
        for (const { kind, after } of offences) {
          at += after;
          const before = known;
          known = afterOffence(known, { kind }, some, at);
          const left = known.refusedUntil - at;
          expect(left).toBeLessThanOrEqual(Math.max(some.max, recovery));
          if (before !== undefined && before.refusedUntil > at) {
            expect(known.refusedUntil).toBeGreaterThanOrEqual(before.refusedUntil);
          } else if (known.refusedUntil !== 0) expect(left).toBeGreaterThanOrEqual(recovery);
        }
      },
    ),
  );
});

test("waiting times are rounded up", () => {
  expect([1, 1_000, 1_001, 119_000, 119_001, 300_000, 3_600_000].map(waitText)).toEqual([
    "1 second",
    "1 second",
    "2 seconds",
    "119 seconds",
    "2 minutes",
    "5 minutes",
    "60 minutes",
  ]);
});
