import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, expect, test, vi } from "vitest";
import { Turn } from "../../src/turn.ts";

// What a test before has begun is over.
beforeEach(() => nextTurn());

/** Keeps the thread longer than a turn may last. */
function work(): void {
  for (const start = performance.now(); performance.now() - start < 1; );
}

test("channels of one user take turns, however much each has to do", async () => {
  const turn = new Turn();
  const served: string[] = [];
  const channel = (name: string, steps: number) =>
    new Promise<void>((resolve) => {
      let left = steps;
      const pump = (): void => {
        while (left > 0 && turn.mayGoOn(pump)) {
          work();
          served.push(name);
          left -= 1;
        }
        if (left === 0) resolve();
      };
      queueMicrotask(pump);
    });
  await Promise.all([channel("a", 3), channel("b", 3), channel("c", 3)]);
  // The first one finds nobody waiting.
  expect(served.join("")).toBe("aabcabcbc");
});

test("others come in between", async () => {
  const turn = new Turn();
  let left = 5;
  let others = 0;
  const count = (): void => {
    others += 1;
    if (left > 0) setImmediate(count);
  };
  setImmediate(count);
  await new Promise<void>((resolve) => {
    const pump = (): void => {
      while (left > 0 && turn.mayGoOn(pump)) {
        work();
        left -= 1;
      }
      if (left === 0) resolve();
    };
    pump();
  });
  expect(others).toBeGreaterThanOrEqual(4);
});

test("many commands of a user get no more than one: one goes on in a turn of the event loop", async () => {
  const turn = new Turn();
  const served: string[] = [];
  const command = async (name: string): Promise<void> => {
    for (let step = 0; step < 3; step += 1) {
      await turn.pass();
      work();
      served.push(name);
    }
  };
  const done = { now: false };
  const all = Promise.all([command("a"), command("b"), command("c")]).then(() => {
    done.now = true;
  });
  // What each iteration of the loop has let through.
  const perTurn: number[] = [];
  while (!done.now) {
    const before = served.length;
    await new Promise((resolve) => setImmediate(resolve));
    perTurn.push(served.length - before);
  }
  await all;
  expect(served.join("")).toBe("abcabcabc");
  // All of them begin before the first has used up the turn.
  expect(Math.max(...perTurn.slice(1))).toBe(1);
});

test("a command and a channel of a user take turns", async () => {
  const turn = new Turn();
  const served: string[] = [];
  const command = async (): Promise<void> => {
    for (let step = 0; step < 4; step += 1) {
      await turn.pass();
      work();
      served.push("command");
    }
  };
  const channel = new Promise<void>((resolve) => {
    let left = 4;
    const pump = (): void => {
      while (left > 0 && turn.mayGoOn(pump)) {
        work();
        served.push("channel");
        left -= 1;
      }
      if (left === 0) resolve();
    };
    queueMicrotask(pump);
  });
  await Promise.all([command(), channel]);
  const inARow = served.join(" ").replaceAll("command", "x").replaceAll("channel", "y");
  expect(inARow).not.toMatch(/x x x|y y y/);
});

test("one that is forgotten is not called any more", async () => {
  const turn = new Turn();
  const calls: string[] = [];
  const resume = (): void => void calls.push("resumed");
  expect(turn.mayGoOn(resume)).toBe(true);
  work();
  expect(turn.mayGoOn(resume)).toBe(false);
  turn.forget(resume);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(calls).toEqual([]);
});

test("users whose work goes on share a turn of the loop, however many they are", async () => {
  const perTurn: string[] = [];
  let served = "";
  const begin = (name: string, steps: number): void => {
    const turn = new Turn();
    let left = steps;
    const pump = (): void => {
      while (left > 0 && turn.mayGoOn(pump)) {
        work();
        served += name;
        left -= 1;
      }
    };
    pump();
  };
  for (const name of ["a", "b", "c"]) begin(name, 3);
  // Each begins at once: it can't be known yet who has much to do.
  expect(served).toBe("abc");
  for (let turn = 0; turn < 7; turn += 1) {
    served = "";
    await nextTurn();
    perTurn.push(served);
  }
  expect(perTurn).toEqual(["a", "b", "c", "a", "b", "c", ""]);
});

test("what fails as it goes on holds up nobody: not the others of its user, nor other users", () => {
  vi.useFakeTimers({ toFake: ["setImmediate"] });
  try {
    const turns = [new Turn(), new Turn()];
    const served: string[] = [];
    const wait = (turn: Turn | undefined, resume: () => void): void => {
      while (turn?.mayGoOn(resume)) work();
    };
    const fail = (): void => {
      throw new Error("it failed");
    };
    wait(turns[0], fail);
    wait(turns[0], () => served.push("the same"));
    wait(turns[1], () => served.push("another"));
    expect(() => vi.runAllTimers()).toThrow("it failed");
    vi.runAllTimers();
    expect(served.sort()).toEqual(["another", "the same"]);
  } finally {
    vi.useRealTimers();
  }
});
