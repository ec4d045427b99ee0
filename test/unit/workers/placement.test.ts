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

test("an address is forgotten with its last connection", () => {
  arrive("192.0.2.1", first, second);
  first.connections = 3;
  expect(placement.choose([first, second], "192.0.2.1")).toBe(first);
  placement.left("192.0.2.1");
  expect(placement.choose([first, second], "192.0.2.1")).toBe(second);
});

test("a place that is no more gets nobody", () => {
  arrive("192.0.2.1", first, second);
  expect(placement.choose([second], "192.0.2.1")).toBe(second);
  expect(placement.choose([], "192.0.2.1")).toBeUndefined();
});
