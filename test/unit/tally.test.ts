import { expect, test } from "vitest";
import { BUCKETS, sumOf, Tally } from "../../src/tally.ts";

test("what was counted, what there is, and how long it took", () => {
  const tally = new Tally();
  tally.count("connections");
  tally.count("bytes upload", 10);
  tally.count("bytes upload", 5);
  tally.level("transfers upload", 1);
  tally.level("transfers upload", 1);
  tally.level("transfers upload", -1);
  tally.measure("write", 0.1);
  tally.measure("write", 1);
  tally.measure("write", 60_000);
  const { totals, levels, left } = tally.figures;
  expect(totals).toMatchObject({
    connections: 1,
    "bytes upload": 15,
    "write 0": 1,
    [`write ${BUCKETS.indexOf(0.001)}`]: 1,
    [`write ${BUCKETS.length}`]: 1,
  });
  expect(totals["write sum"]).toBeCloseTo(60.0011);
  expect(levels).toEqual({ "transfers upload": 1 });
  expect(left).toEqual([]);
});

test("what a process counted that is gone is counted on", () => {
  const worker = new Tally();
  worker.count("connections", 2);
  worker.measure("commit", 2);
  const tally = new Tally();
  tally.count("connections");
  tally.measure("commit", 2);
  const both = sumOf([tally.figures.totals, worker.figures.totals]);
  tally.absorb("w", worker.figures.totals);
  expect(tally.figures.totals).toEqual(both);
  expect(tally.figures.left).toEqual(["w"]);
  for (let at = 0; at < 300; at += 1) tally.absorb(`w${at}`, {});
  expect(tally.figures.left).toHaveLength(200);
  expect(tally.figures.left.at(-1)).toBe("w299");
});
