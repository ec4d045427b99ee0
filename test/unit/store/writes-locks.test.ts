import { expect, test } from "vitest";
import type { Connection, Lock } from "../../../src/store/connection.ts";
import { Writes } from "../../../src/store/writes.ts";

/** A database without statements, of which some locks are another process's. */
function databaseOf(engine: Connection["engine"], taken: Set<Lock>): Writes {
  return new Writes({
    engine,
    begin: (lock: Lock) => !taken.has(lock),
    commit: () => {},
    rollback: () => {},
  } as unknown as Connection);
}

/** Writes to two homes, of which the first is taken until the others are through, or wait as well. */
async function order(engine: Connection["engine"]): Promise<string[]> {
  const taken = new Set<Lock>(engine === "sqlite" ? [1, 2] : [1]);
  const writes = databaseOf(engine, taken);
  const done: string[] = [];
  const write = (name: string, lock: Lock): Promise<number> =>
    writes.run(() => done.push(name), { lock });
  const all = [write("a", 1), write("b", 1), write("c", 2), write("d", 1)];
  await new Promise(setImmediate);
  expect(done).toEqual(engine === "sqlite" ? [] : ["c"]);
  taken.clear();
  await Promise.all([...all, write("e", 1)]);
  return done;
}

test("writes of one lock keep their order, and keep nobody with another lock waiting", async () => {
  expect(await order("postgres")).toEqual(["c", "a", "b", "d", "e"]);
});

test("SQLite has one lock: all keep their order", async () => {
  expect(await order("sqlite")).toEqual(["a", "b", "c", "d", "e"]);
});
