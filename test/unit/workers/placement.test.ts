import { beforeEach, expect, test } from "vitest";
import { Placement } from "../../../src/workers/placement.ts";

let placement: Placement<{ connections: number }>;
let first: { connections: number };
let second: { connections: number };

beforeEach(() => {
  placement = new Placement();
  first = { connections: 0 };
  second = { connections: 0 };
});

function arrive(address: string, ...places: { connections: number }[]) {
  const chosen = placement.choose(places, address);
  if (chosen === undefined) throw new Error("no place");
  chosen.connections += 1;
  placement.joined(address, chosen);
  return chosen;
}

test("who comes first goes where there are fewest", () => {
  expect(arrive("192.0.2.1", first, second)).toBe(first);
  expect(arrive("192.0.2.2", first, second)).toBe(second);
});

test("one address stays where it is, until that is clearly the busiest", () => {
  const seen = Array.from({ length: 12 }, () => arrive("192.0.2.1", first, second));
  expect(seen.slice(0, 5).every((place) => place === first)).toBe(true);
  expect(seen.slice(5).every((place) => place === second)).toBe(true);
});

test("an address that comes again within a minute goes where it was", () => {
  arrive("192.0.2.1", first, second);
  placement.left("192.0.2.1", 1_000);
  first.connections = 3;
  expect(placement.choose([first, second], "192.0.2.1", 61_000)).toBe(first);
  expect(placement.choose([first, second], "192.0.2.1", 61_001)).toBe(second);
});

test("an address that comes again to the busiest goes elsewhere", () => {
  arrive("192.0.2.1", first, second);
  placement.left("192.0.2.1");
  first.connections = 5;
  expect(placement.choose([first, second], "192.0.2.1")).toBe(second);
});

test("addresses that left are remembered up to a number", () => {
  for (let i = 0; i <= 10_000; i += 1) {
    arrive(`a${i}`, first);
    placement.left(`a${i}`, 1_000);
  }
  first.connections = 3;
  expect(placement.choose([first, second], "a0", 1_000)).toBe(second);
  expect(placement.choose([first, second], "a1", 1_000)).toBe(first);
});

test("a place that is no more gets nobody", () => {
  arrive("192.0.2.1", first, second);
  expect(placement.choose([second], "192.0.2.1")).toBe(second);
  expect(placement.choose([], "192.0.2.1")).toBeUndefined();
});
