import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { afterKill, looking } from "../support/after-kill.ts";
import { onDisk, TestInstance } from "../support/instance.ts";
import { SCALES, step, World } from "../support/ledger-world.ts";

const RUNS = Number(process.env.PROPERTY_RUNS ?? 200);
const MIGRATIONS = new URL("../../db/migrations", import.meta.url).pathname;

test.each(SCALES)(
  "a process that holds a home may be killed before and after every change (scale %i)",
  async (scale) => {
    const instance = await TestInstance.create({ holds: true, quietMs: 0 });
    onTestFinished(() => instance.close());
    const connection = openDatabase(`${instance.root}/db/moorage.sqlite`, MIGRATIONS);
    onTestFinished(() => void connection.close());
    let looks = 0;
    // Thrown in the midst of a change it would be taken for a change that failed.
    const wrong: unknown[] = [];
    const look = (world: Pick<World, "account">): void => {
      const found = afterKill(connection, instance, world.account);
      if (found === undefined) return;
      looks += 1;
      const disk = onDisk(instance.path(world.account.name));
      if (found.bytes !== disk.bytes || found.files !== disk.files) wrong.push({ found, disk });
    };
    let user = 0;
    const steps = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 3 })), {
      minLength: 5,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (some) => {
        user += 1;
        const world = await World.create([instance], `u${user}`, scale, (books, account) =>
          looking(books, () => look({ account })),
        );
        for (const [next, how] of some) {
          await world.run(next);
          look(world);
          if (how === 0) await instance.ledger.tend();
          if (how === 1) await instance.store.leases.share(world.account.id);
          look(world);
          expect(wrong.splice(0)).toEqual([]);
        }
        await world.end();
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 20_000 },
    );
    expect(looks).toBeGreaterThan(user * 5);
  },
  60_000,
);
