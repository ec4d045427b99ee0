import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { afterKill, looking } from "../support/after-kill.ts";
import { HeldFaults } from "../support/held-faults.ts";
import { onDisk, TestInstance } from "../support/instance.ts";
import { SCALES, step, World } from "../support/ledger-world.ts";
import { connectionTo } from "../support/store-engine.ts";

const RUNS = Number(process.env.PROPERTY_RUNS ?? 200);

const CASES = SCALES.flatMap((scale) => [
  [scale, "alone"] as const,
  [scale, "two that take it from each other"] as const,
]);

const nth = fc.integer({ min: 1, max: 4 });
const fault = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  { weight: 1, arbitrary: fc.record({ append: nth }) },
  { weight: 1, arbitrary: fc.record({ fold: nth }) },
  { weight: 1, arbitrary: fc.constant({ perform: 1 }) },
  // That it failed can't be written down either.
  { weight: 1, arbitrary: fc.constant({ perform: 1, append: 2 }) },
);

test.each(CASES)(
  "a process that holds a home may be killed before and after every change, whatever failed (scale %i, %s)",
  async (scale, how) => {
    const instance = await TestInstance.create({ holds: true, quietMs: 0 });
    // The watcher says what failed when another process wanted the home.
    const told = (thrown: unknown) => expect(thrown).toMatchObject({ code: "SQLITE_IOERR" });
    onTestFinished(() => instance.close().catch(told));
    const faults = new HeldFaults(instance);
    const instances = [instance];
    if (how !== "alone") {
      const other = await instance.another({ holds: true, quietMs: 0 });
      onTestFinished(() => other.close());
      instances.push(other);
    }
    const connection = await connectionTo(instance.root);
    onTestFinished(() => void connection.close());
    let looks = 0;
    // Thrown in the midst of a change it would be taken for a change that failed.
    const wrong: unknown[] = [];
    const look = (world: Pick<World, "account">): void => {
      for (const one of instances) {
        const found = afterKill(connection, one, world.account);
        if (found === undefined) continue;
        looks += 1;
        const disk = onDisk(instance.path(world.account.name));
        if (found.bytes !== disk.bytes || found.files !== disk.files) wrong.push({ found, disk });
      }
    };
    let user = 0;
    const steps = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 3 }), fault), {
      minLength: 5,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (some) => {
        user += 1;
        const world = await World.create(instances, `u${user}`, scale, (books, account) =>
          faults.watch(looking(books, () => look({ account }))),
        );
        const { id } = world.account;
        for (const [next, then, fails] of some) {
          faults.set(fails);
          await world.run(next);
          look(world);
          if (then === 0) await instance.ledger.tend().catch(() => undefined);
          if (then === 1) await instance.store.leases.share(id).catch(() => undefined);
          look(world);
          expect(wrong.splice(0)).toEqual([]);
        }
        faults.set({});
        for (const { ledger } of instances) await ledger.settleLate();
        await world.end();
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 20_000 },
    );
    expect(looks).toBeGreaterThan(user * 5);
  },
  60_000,
);
