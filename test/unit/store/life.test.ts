import { beforeEach, describe, expect, it, vi } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { Life } from "../../../src/store/life.ts";

const MACHINE = { machine: "a", host: "a", leaseMs: 10_000 };

let monotonic = 0;
let wall = 0;
let uptime = 0;

function pass(milliseconds: number): void {
  monotonic += milliseconds;
  wall += milliseconds;
  uptime += milliseconds;
}

function living() {
  const life = new Life(MACHINE, {
    monotonic: () => monotonic,
    wall: () => wall,
    uptime: () => uptime,
  });
  const events = { lapsed: vi.fn(), resumed: vi.fn(), ended: vi.fn() };
  life.on(events);
  life.renew(() => true);
  return { life, events };
}

beforeEach(() => {
  monotonic = 5_000;
  wall = 1_700_000_000_000;
});

describe("a process among several machines", () => {
  it("may write for less than its lease, counted from before it asked", () => {
    const { life } = living();
    life.renew(() => {
      pass(3_000);
      return true;
    });
    pass(4_499);
    expect(life.mayWrite).toBe(true);
    pass(1);
    expect(life.mayWrite).toBe(false);
    expect(() => life.check()).toThrow(FsError);
  });

  it("was suspended: the clocks that went on count", () => {
    const { life } = living();
    wall += 60_000;
    uptime += 60_000;
    expect(life.mayWrite).toBe(false);
  });

  it("finds its clock set: no time has passed", () => {
    const { life } = living();
    wall += 60_000;
    expect(life.mayWrite).toBe(true);
  });

  it("finds its clock set back: the other one counts", () => {
    const { life } = living();
    wall -= 60_000;
    monotonic += 7_500;
    expect(life.mayWrite).toBe(false);
  });

  it("goes on when its row was not touched, after it was told to stop", () => {
    const { life, events } = living();
    pass(9_000);
    expect(() => life.renew(() => true)).not.toThrow();
    expect(events.lapsed).toHaveBeenCalledOnce();
    expect(events.resumed).toHaveBeenCalledOnce();
    expect(events.lapsed.mock.invocationCallOrder[0]).toBeLessThan(
      events.resumed.mock.invocationCallOrder[0] ?? 0,
    );
    expect(life.mayWrite).toBe(true);
  });

  it("is told once that it lapsed, and nothing is renewed by what fails", () => {
    const { life, events } = living();
    const fails = (): boolean => {
      throw new Error("no database");
    };
    pass(7_000);
    expect(() => life.renew(fails)).toThrow("no database");
    expect(life.mayWrite).toBe(true);
    pass(7_000);
    expect(() => life.renew(fails)).toThrow("no database");
    expect(() => life.renew(fails)).toThrow("no database");
    expect(events.lapsed).toHaveBeenCalledOnce();
    expect(events.resumed).not.toHaveBeenCalled();
    expect(life.mayWrite).toBe(false);
  });

  it("never writes again when others took over", () => {
    const { life, events } = living();
    life.renew(() => false);
    expect(events.ended).toHaveBeenCalledOnce();
    expect(life.mayWrite).toBe(false);
    expect(life.isEnded).toBe(true);
  });

  it("judges no other until it had touch for as long as a lease again", () => {
    const { life } = living();
    expect(life.isSteady).toBe(true);
    pass(60_000);
    life.renew(() => true);
    expect(life.isSteady).toBe(false);
    for (let n = 0; n < 3; n += 1) {
      pass(4_000);
      life.renew(() => true);
    }
    expect(life.isSteady).toBe(true);
  });

  it("whose row was made anew writes again", () => {
    const { life, events } = living();
    life.renew(() => false);
    life.beginAnew(() => true);
    expect(life.mayWrite).toBe(true);
    expect(life.isEnded).toBe(false);
    expect(events.resumed).toHaveBeenCalledOnce();
  });
});

it("one machine alone may always write, and says nothing", () => {
  const life = new Life(undefined);
  const say = vi.fn(() => true);
  life.renew(say);
  life.keep(say, () => {});
  expect(say).not.toHaveBeenCalled();
  expect(life.mayWrite).toBe(true);
  life.check();
});
