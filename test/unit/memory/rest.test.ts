import { constants as gc, PerformanceObserver } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import { usualLimit } from "../../../src/memory/limit.ts";
import { ProcessMemory } from "../../../src/memory/process-memory.ts";
import { Rest, tidyUp, unaccounted } from "../../../src/memory/rest.ts";

const MIB = 1024 * 1024;

interface Collection {
  readonly detail: { readonly kind: number; readonly flags: number };
}

function resting() {
  const done = { trims: 0, collections: 0 };
  const memory = { held: 100 * MIB };
  const rest = new Rest({
    trim() {
      done.trims += 1;
    },
    held: () => memory.held,
    collect() {
      done.collections += 1;
      memory.held = 110 * MIB;
    },
  });
  rest.stop();
  return { rest, done, memory };
}

describe("the rest after work", () => {
  it("collects once when much work is over, and not while it goes on", () => {
    const { rest, done, memory } = resting();
    memory.held = 200 * MIB;
    for (let look = 0; look < 5; look++) rest.look(5_000, 10_000);
    expect(done).toEqual({ trims: 5, collections: 0 });
    for (let look = 0; look < 5; look++) rest.look(50, 10_000);
    expect(done).toEqual({ trims: 10, collections: 1 });
  });

  it("does not collect, and so keeps compiled code, when work left little behind", () => {
    const { rest, done, memory } = resting();
    memory.held = 130 * MIB;
    rest.look(5_000, 10_000);
    for (let look = 0; look < 5; look++) rest.look(50, 10_000);
    expect(done).toEqual({ trims: 6, collections: 0 });
    memory.held = 140 * MIB;
    rest.look(5_000, 10_000);
    for (let look = 0; look < 5; look++) rest.look(50, 10_000);
    expect(done.collections).toBe(1);
  });

  it("collects what sessions left behind also when it collected while they held much", () => {
    const budget = { used: 0 };
    const usage = { external: 20 * MIB, heapUsed: 30 * MIB };
    let collections = 0;
    const rest = new Rest({
      trim() {},
      held: () => unaccounted(budget, usage),
      collect() {
        collections += 1;
        // What is held stays.
        usage.external = 20 * MIB + budget.used;
      },
    });
    rest.stop();
    const work = (): void => {
      rest.look(5_000, 10_000);
      rest.look(50, 10_000);
    };
    budget.used = 200 * MIB;
    usage.external = 300 * MIB;
    work();
    expect([collections, usage.external]).toEqual([1, 220 * MIB]);
    work();
    expect(collections).toBe(1);
    budget.used = 0;
    work();
    expect([collections, usage.external]).toEqual([2, 20 * MIB]);
  });

  it("collects everything, and forgets compiled code, only where what is young is not enough", () => {
    const asked: string[] = [];
    const memory = { held: 100 * MIB, young: 0 };
    const rest = new Rest({
      trim() {},
      held: () => memory.held,
      collect(what) {
        asked.push(what);
        memory.held = what === "all" ? 100 * MIB : memory.held - memory.young;
      },
    });
    rest.stop();
    const work = (left: number, young: number): void => {
      Object.assign(memory, { held: 100 * MIB + left, young });
      rest.look(5_000, 10_000);
      rest.look(50, 10_000);
    };
    work(60 * MIB, 50 * MIB);
    expect(asked).toEqual(["young"]);
    work(80 * MIB, 10 * MIB);
    expect(asked).toEqual(["young", "young", "all"]);
  });

  it("collects what is young twice, or everything once", async () => {
    const { collect } = tidyUp({ used: 0 });
    const done: number[] = [];
    // V8 collects by itself as well, and that is no matter of this test.
    await new Promise<void>((resolve) => {
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const { kind, flags } = (entry as unknown as Collection).detail;
          if ((flags & gc.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0) done.push(kind);
        }
        if (done.at(-1) !== gc.NODE_PERFORMANCE_GC_MAJOR) return;
        observer.disconnect();
        resolve();
      });
      observer.observe({ entryTypes: ["gc"] });
      collect("young");
      collect("all");
    });
    const { NODE_PERFORMANCE_GC_MINOR: minor, NODE_PERFORMANCE_GC_MAJOR: major } = gc;
    expect(done).toEqual([minor, minor, major]);
  });

  it("does not collect for a process that does next to nothing", () => {
    const { rest, done } = resting();
    for (let look = 0; look < 10; look++) rest.look(50, 10_000);
    expect(done.collections).toBe(0);
  });
});

describe("the limit", () => {
  it("is a quarter of the machine's memory, within bounds", () => {
    const mebibytes = [64, 256, 512, 1024, 2048, 65_536].map(
      (size) => usualLimit(size * MIB) / MIB,
    );
    expect(mebibytes).toEqual([64, 64, 128, 256, 512, 512]);
    expect(usualLimit()).toBeGreaterThanOrEqual(64 * MIB);
  });

  it("is the machine's where none is set", () => {
    const memories = [new ProcessMemory(0), new ProcessMemory(5 * MIB)];
    expect(memories.map(({ budget }) => budget.bytes)).toEqual([usualLimit(), 5 * MIB]);
    for (const memory of memories) memory.close();
  });
});
