import { expect, test } from "vitest";
import { type Ask, InstanceFigures } from "../../../src/control/instance-figures.ts";
import type { Figures } from "../../../src/tally.ts";

function figures(connections: number, more: Partial<Figures> = {}): Figures {
  return { totals: { connections }, levels: {}, left: [], ...more };
}

/** An instance whose processes are what the test says. */
class World {
  own = figures(1);
  readonly processes = new Map<string, Figures | undefined>();
  readonly all: InstanceFigures;

  constructor() {
    const asked: Ask = async (id) => {
      const told = this.processes.get(id);
      if (told === undefined) throw new Error("not reached");
      return told;
    };
    this.all = new InstanceFigures(asked, () => this.own);
  }

  async collect(alive: readonly string[] = [...this.processes.keys()]) {
    const nodes = [
      { id: "own", kind: "server" as const, alive: true, isHere: true },
      { id: "command", kind: "command" as const, alive: true, isHere: true },
      { id: "dead", kind: "server" as const, alive: false, isHere: true },
      ...alive.map((id) => ({ id, kind: "server" as const, alive: true, isHere: true })),
    ];
    return this.all.collect("own", nodes);
  }

  async connections(alive?: readonly string[]): Promise<number | undefined> {
    return (await this.collect(alive)).totals.connections;
  }
}

test("totals and levels of all processes are summed up", async () => {
  const world = new World();
  world.own = figures(1, { levels: { "queue store": 1 } });
  world.processes.set("a", figures(10, { levels: { "queue store": 2 } }));
  world.processes.set("b", figures(100));
  const all = await world.collect();
  expect(all).toEqual({ totals: { connections: 111 }, levels: { "queue store": 3 }, unreached: 0 });
});

test("of a process that does not answer what it told last counts", async () => {
  const world = new World();
  world.processes.set("a", figures(10, { levels: { "queue store": 2 } }));
  await world.collect();
  world.processes.set("a", undefined);
  const all = await world.collect();
  expect(all).toEqual({ totals: { connections: 11 }, levels: {}, unreached: 1 });
});

test("a process that was killed stays counted, as far as it was heard", async () => {
  const world = new World();
  world.processes.set("a", figures(10));
  expect(await world.connections()).toBe(11);
  world.processes.delete("a");
  expect(await world.connections()).toBe(11);
  expect(await world.connections()).toBe(11);
  world.processes.set("b", figures(5));
  expect(await world.connections()).toBe(16);
});

test("a worker whose supervisor counted its last is counted once", async () => {
  const world = new World();
  world.processes.set("a", figures(10));
  expect(await world.connections()).toBe(11);
  // It told its supervisor more than the last that was heard here, and its row is still there.
  world.own = figures(13, { left: ["a"] });
  world.processes.set("a", undefined);
  expect(await world.connections()).toBe(13);
  expect(await world.connections([])).toBe(13);
});

test("a worker of another server is counted by that one", async () => {
  const world = new World();
  world.processes.set("other", figures(0));
  world.processes.set("a", figures(10));
  expect(await world.connections()).toBe(11);
  world.processes.set("other", figures(12, { left: ["a"] }));
  world.processes.delete("a");
  expect(await world.connections()).toBe(13);
});
