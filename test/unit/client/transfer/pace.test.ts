import { expect, it } from "vitest";
import { Pace } from "../../../../src/client/transfer/pace.ts";

it("lets through as many bytes as it was made for, in whatever pieces", () => {
  let now = 0;
  const pace = new Pace(1_000_000, () => now);
  for (let bytes = 0; bytes < 3_000_000; bytes += 30_000) {
    now += pace.wait;
    pace.take(30_000);
  }
  now += pace.wait;
  // What was not used within a tenth of a second may be made up for, and no more.
  expect(now).toBeGreaterThan(2_850);
  expect(now).toBeLessThanOrEqual(3_000);
});

it("cuts pieces so small that they flow evenly, and never to crumbs", () => {
  expect(new Pace(80_000).piece(256 * 1024)).toBe(10_000);
  expect(new Pace(1000).piece(256 * 1024)).toBe(4096);
  expect(new Pace(1e9).piece(256 * 1024)).toBe(256 * 1024);
});
