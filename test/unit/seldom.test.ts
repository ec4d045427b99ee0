import { expect, test } from "vitest";
import { Seldom } from "../../src/seldom.ts";

test("what goes on is said when it begins and once a minute, and at once when it begins anew", () => {
  let now = 0;
  const failing = new Seldom(() => now);
  const said = [0, 1, 59_999, 60_000, 60_001, 120_000].filter((at) => {
    now = at;
    return failing.isDue();
  });
  expect(said).toEqual([0, 60_000, 120_000]);
  failing.over();
  expect([failing.isDue(), failing.isDue()]).toEqual([true, false]);
});
