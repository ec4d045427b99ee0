import fc from "fast-check";
import { expect, test } from "vitest";
import { TestInstance } from "../support/instance.ts";
import { SCALES, step, World } from "../support/ledger-world.ts";

const RUNS = Number(process.env.PROPERTY_RUNS ?? 200);

/** How the home is kept: one process holds it, two share it, or it goes from one to the other. */
const WAYS = {
  held: [{ holds: true }],
  shared: [{}, {}],
  switching: [
    { holds: true, quietMs: 0 },
    { holds: true, quietMs: 0 },
  ],
} as const;

/** Whether the first process was seen to hold the home. */
const SEEN = { held: [true], shared: [false], switching: [false, true] };

const CASES = Object.keys(WAYS).flatMap((way) =>
  SCALES.map((scale) => [way as keyof typeof WAYS, scale] as const),
);

test.each(CASES)(
  "usage equals the disk after every step (%s, scale %i)",
  async (way, scale) => {
    const [one, other] = WAYS[way] as readonly [{ holds?: boolean }, { holds?: boolean }?];
    const first = await TestInstance.create(one);
    const second = other && (await first.another(other));
    const instances = second === undefined ? [first] : [first, second];
    const seen = new Set<boolean>();
    let user = 0;
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
          user += 1;
          const world = await World.create(instances, `u${user}`, scale);
          for (const next of steps) {
            await world.run(next);
            await world.check();
            seen.add(first.ledger.holds(world.account.id));
          }
          await world.end();
        }),
        { numRuns: RUNS, interruptAfterTimeLimit: 10_000 },
      );
      expect([...seen].sort()).toEqual(SEEN[way]);
    } finally {
      await second?.close();
      await first.close();
    }
  },
  60_000,
);
