import { beforeEach, describe, expect, test } from "vitest";
import { HashLine, HashQueueFull, NotWanted, type Origin } from "../../../src/auth/hash-line.ts";

let line: HashLine;
/** whose turn it was, and who was refused, in order */
let turns: string[];

beforeEach(() => {
  turns = [];
});

/** Somebody who waits from now on; `refused` and `gone` in the turns tell how that ended. */
function wait(name: string, origin: Origin): void {
  line.wait(origin).then(
    () => turns.push(name),
    (error: unknown) => {
      if (error instanceof HashQueueFull) turns.push(`${name} refused`);
      else if (error instanceof NotWanted) turns.push(`${name} gone`);
      else throw error;
    },
  );
}

/** The turns of all who wait. */
async function all(): Promise<string[]> {
  while (line.next());
  return settled();
}

async function settled(): Promise<string[]> {
  await new Promise((resolve) => setImmediate(resolve));
  return turns;
}

/** An attacker's machine, many of which are in one network. */
const eve = (machine: number): Origin => ({ source: `198.51.100.${machine}`, site: "evil" });
const ann: Origin = { source: "192.0.2.1", site: "home" };
const bob: Origin = { source: "192.0.2.2", site: "home" };

describe("turns", () => {
  beforeEach(() => {
    line = new HashLine(100, 100);
  });

  test("nobody waits: there is no next one", () => {
    expect(line.next()).toBe(false);
  });

  test("attack: a network with many machines delays another one by one turn", async () => {
    for (const machine of [1, 2, 3, 4]) wait(`eve${machine}`, eve(machine));
    wait("ann", ann);
    wait("ann again", ann);
    expect(await all()).toEqual(["eve1", "ann", "eve2", "ann again", "eve3", "eve4"]);
  });

  test("attack: in one network a machine with many guesses delays another by one turn", async () => {
    for (const guess of ["a", "b", "c"]) wait(`bob ${guess}`, bob);
    wait("ann", ann);
    expect(await all()).toEqual(["bob a", "ann", "bob b", "bob c"]);
  });

  test("who comes again while others wait goes to the end", async () => {
    wait("ann", ann);
    wait("eve1", eve(1));
    line.next();
    wait("ann again", ann);
    expect(await all()).toEqual(["ann", "eve1", "ann again"]);
  });

  test("without a wider network, sources take turns", async () => {
    for (const name of ["a", "b"]) wait(name, { source: "one" });
    wait("c", { source: "two" });
    expect(await all()).toEqual(["a", "c", "b"]);
  });
});

describe("a full line", () => {
  beforeEach(() => {
    line = new HashLine(4, 3);
  });

  test("attack: a network that fills it gives way to another one", async () => {
    for (const machine of [1, 2, 2, 3]) wait(`eve${machine}`, eve(machine));
    wait("ann", ann);
    expect(await settled()).toEqual(["eve2 refused"]);
    wait("bob", bob);
    expect(await settled()).toEqual(["eve2 refused", "eve1 refused"]);
    // Two and two: nobody has more than who comes.
    wait("ann again", ann);
    expect((await settled()).at(-1)).toBe("ann again refused");
    expect((await all()).slice(3)).toEqual(["eve2", "ann", "eve3", "bob"]);
  });

  test("attack: in one network a machine that fills it gives way to another", async () => {
    wait("ann", ann);
    for (const guess of ["a", "b", "c"]) wait(`bob ${guess}`, bob);
    wait("carol", { source: "192.0.2.3", site: "home" });
    expect(await settled()).toEqual(["bob c refused"]);
    expect((await all()).slice(1)).toEqual(["ann", "bob a", "carol", "bob b"]);
  });

  test("one source has no more than its share, though there is room", async () => {
    for (const guess of ["a", "b", "c", "d"]) wait(guess, bob);
    expect(await all()).toEqual(["d refused", "a", "b", "c"]);
  });

  test("those who come from as many networks are refused: all have the same", async () => {
    for (const name of ["a", "b", "c", "d", "e"]) wait(name, { source: name });
    expect(await all()).toEqual(["e refused", "a", "b", "c", "d"]);
  });

  test("without places nobody waits", async () => {
    line = new HashLine(0, 3);
    wait("ann", ann);
    expect(await all()).toEqual(["ann refused"]);
  });
});

describe("who goes away", () => {
  beforeEach(() => {
    line = new HashLine(2, 2);
  });

  test("attack: those who connect, ask and leave hold no places", async () => {
    const going = [new AbortController(), new AbortController()];
    for (const { signal } of going) wait("eve", { ...eve(1), gone: signal });
    for (const one of going) one.abort();
    wait("ann", ann);
    wait("bob", bob);
    expect(await all()).toEqual(["eve gone", "eve gone", "ann", "bob"]);
  });

  test("is not let wait when that was before, and has had the turn when it is after", async () => {
    const going = new AbortController();
    wait("ann", { ...ann, gone: going.signal });
    line.next();
    await settled();
    going.abort();
    wait("late", { ...ann, gone: going.signal });
    expect(await all()).toEqual(["ann", "late gone"]);
    expect(line.next()).toBe(false);
  });
});
