import { expect, test } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { planDescriptors, withFittedLimits } from "../../../src/session/fitted-limits.ts";

const config = loadConfig({ root: "/nowhere", env: {} });
const { limits, auth } = config;

test.each([1, 64, 81, 100, 256, 1024, 4096, 1_000_000])(
  "of %i descriptors all kinds get some, and all together no more than there are",
  (limit) => {
    const plan = planDescriptors(limit, config);
    const { maxSessions, queue, maxUnauthenticated, hashQueue, refused, files } = plan;
    for (const some of [maxSessions, queue, maxUnauthenticated, hashQueue, files]) {
      expect(some).toBeGreaterThanOrEqual(1);
    }
    const hashing = hashQueue + auth.hashConcurrency;
    const taken = 2 * maxSessions + queue + maxUnauthenticated + hashing + refused + files;
    if (limit > 100) expect(taken).toBeLessThan(limit);
    expect(maxSessions).toBeLessThanOrEqual(limits.maxSessions);
    expect(plan.isShort).toBe(limit < 4096);
  },
);

test("where there are enough the limits are those that are set", () => {
  const { maxSessions, queue, maxUnauthenticated } = limits;
  expect(planDescriptors(20_000, config)).toMatchObject({
    maxSessions,
    queue,
    maxUnauthenticated,
    hashQueue: auth.hashQueue,
    isShort: false,
  });
});

test("limits are fitted to few descriptors, and follow the settings", () => {
  const live = structuredClone(config);
  const fitted = withFittedLimits(live, 256);
  expect(fitted.limits.maxSessions).toBe(planDescriptors(256, config).maxSessions);
  expect(fitted.limits.idleTimeout).toBe(limits.idleTimeout);
  expect(fitted.auth.hashQueue).toBe(planDescriptors(256, config).hashQueue);
  expect(fitted.auth.argon2Memory).toBe(auth.argon2Memory);
  expect(fitted.quota).toBe(live.quota);
  Object.assign(live.limits, { maxSessions: 3, idleTimeout: 77 });
  expect(fitted.limits).toMatchObject({ maxSessions: 3 });
  expect(fitted.limits.idleTimeout).toBe(77);
});
