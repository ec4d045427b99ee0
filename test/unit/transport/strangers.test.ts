import { beforeEach, describe, expect, test } from "vitest";
import { type LocalPlace, type Stranger, Strangers } from "../../../src/transport/strangers.ts";

let now: number;
let ended: string[];
let strangers: Strangers;

beforeEach(() => {
  now = 1_000_000;
  ended = [];
  strangers = new Strangers({ places: () => 4, waiting: () => 3 }, () => now);
});

/** The place of a connection that is let in; undefined when it is refused. */
function arrive(name: string, address: string, busy = false): LocalPlace | undefined {
  if (!strangers.hasRoom(address)) return undefined;
  const stranger: Stranger = {
    busy,
    evict() {
      ended.push(name);
      place.leave();
    },
  };
  const place = strangers.add(stranger, address);
  return place;
}

function mustArrive(name: string, address: string, busy = false): LocalPlace {
  const place = arrive(name, address, busy);
  if (place === undefined) throw new Error(`${name} is refused`);
  return place;
}

const FLOOD = ["f1", "f2", "f3", "f4"];
const flood = (busy = false): LocalPlace[] =>
  FLOOD.map((name) => mustArrive(name, "192.0.2.1", busy));

test("one address that takes all places can't keep another one out", () => {
  flood();
  mustArrive("ann", "198.51.100.7");
  mustArrive("bob", "198.51.100.8");
  expect(ended).toEqual(["f1", "f2"]);
});

test("those it has are replaced by its own newcomers only after a while", () => {
  flood();
  expect(arrive("f5", "192.0.2.1")).toBeUndefined();
  now += 2_000;
  mustArrive("f6", "192.0.2.1");
  expect(ended).toEqual(["f1"]);
});

test("nobody is ended while the server works on its request", () => {
  flood(true);
  now += 60_000;
  expect(arrive("ann", "198.51.100.7")).toBeUndefined();
  expect(ended).toEqual([]);
});

test("many networks with one connection each: the oldest goes, after a while", () => {
  for (const n of [1, 2, 3, 4]) mustArrive(`a${n}`, `192.0.${n}.1`);
  expect(arrive("b", "198.51.100.7")).toBeUndefined();
  now += 2_000;
  mustArrive("b", "198.51.100.7");
  expect(ended).toEqual(["a1"]);
});

test("who would hold more than another does not take its place, however long it is there", () => {
  mustArrive("ann", "198.51.100.7");
  for (const name of ["f1", "f2", "f3"]) mustArrive(name, "192.0.2.1", true);
  now += 60_000;
  expect(arrive("f4", "192.0.2.1")).toBeUndefined();
  expect(ended).toEqual([]);
});

test.each([
  ["IPv4 /24", (n: number) => `192.0.2.${n}`],
  ["IPv6 /48", (n: number) => `2001:db8:1:${n}::1`],
])("attack: many addresses of one %s don't keep another network out", (_, address) => {
  for (const n of [1, 2, 3, 4]) mustArrive(`e${n}`, address(n));
  mustArrive("ann", "198.51.100.7");
  expect(ended).toEqual(["e1"]);
});

test("within a network the address that holds most gives way", () => {
  mustArrive("ann", "192.0.2.7");
  for (const name of ["f1", "f2", "f3"]) mustArrive(name, "192.0.2.1");
  mustArrive("bob", "192.0.2.8");
  expect(ended).toEqual(["f1"]);
});

test("the addresses of one IPv6 network are one", () => {
  mustArrive("x", "2001:db8:1:2::1");
  mustArrive("y", "2001:db8:1:2:3:4:5:6");
  mustArrive("z", "2001:db8:1:3::1");
  mustArrive("v4", "::ffff:192.0.2.1");
  mustArrive("new", "2001:db8:9::1");
  expect(ended).toEqual(["x"]);
});

describe("those who wait for a hash", () => {
  test("attack: guesses at passwords leave the places to logins by key", () => {
    for (const place of flood(true).slice(0, 3)) place.wait();
    for (const name of ["ann", "bob", "kim"]) mustArrive(name, "198.51.100.7");
    expect(ended).toEqual([]);
  });

  test("are bounded: one more keeps its place", () => {
    for (const place of flood(true)) place.wait();
    for (const name of ["ann", "bob", "kim"]) mustArrive(name, "198.51.100.7", true);
    expect(arrive("max", "203.0.113.9")).toBeUndefined();
  });

  test("need a place again when it came to nothing: that of who holds most, or none", () => {
    const [first, second, third] = flood(true) as [LocalPlace, LocalPlace, LocalPlace, LocalPlace];
    for (const place of [first, second, third]) place.wait();
    expect(first.back()).toBe(true);
    for (const name of ["a", "b"]) mustArrive(name, "198.51.100.7");
    // f4, f1, a, b: f2 would make its address the one that holds most.
    expect(second.back()).toBe(false);
    second.leave();
    const ann = mustArrive("ann", "203.0.113.9");
    expect(ended).toEqual(["a"]);
    ann.wait();
    mustArrive("kim", "203.0.114.9");
    expect(ann.back()).toBe(false);
    now += 2_000;
    third.leave();
    expect(ended).toEqual(["a"]);
  });

  test("have no place any more when they are gone, and can't take one", () => {
    const places = flood(true);
    for (const place of places) {
      place.wait();
      place.leave();
      expect(place.back()).toBe(false);
    }
    for (const name of FLOOD) mustArrive(name, "198.51.100.7");
    expect(ended).toEqual([]);
  });

  test("who does not wait keeps its place", () => {
    const [first] = flood();
    expect(first?.back()).toBe(true);
  });
});
