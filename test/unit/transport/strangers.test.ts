import { Socket } from "node:net";
import { beforeEach, expect, test } from "vitest";
import { type Stranger, Strangers } from "../../../src/transport/strangers.ts";

let now: number;
let ended: string[];
let strangers: Strangers;

beforeEach(() => {
  now = 1_000_000;
  ended = [];
  strangers = new Strangers(4, () => now);
});

/** A connection that is let in; false when it is refused. */
function arrive(name: string, address: string, busy = false, hashing = false): boolean {
  if (!strangers.hasRoom(address)) return false;
  const socket = Object.defineProperty(new Socket(), "remoteAddress", { value: address });
  let leave = (): void => {};
  const stranger: Stranger = {
    busy,
    hashing,
    disconnect() {
      ended.push(name);
      leave();
    },
  };
  leave = strangers.add(stranger, socket);
  return true;
}

const FLOOD = ["f1", "f2", "f3", "f4"];
const flood = (busy = false) => {
  for (const name of FLOOD) expect(arrive(name, "192.0.2.1", busy)).toBe(true);
};

test("one address that takes all places can't keep another one out", () => {
  flood();
  expect(arrive("ann", "198.51.100.7")).toBe(true);
  expect(arrive("bob", "198.51.100.8")).toBe(true);
  expect(ended).toEqual(["f1", "f2"]);
});

test("those it has are replaced by its own newcomers only after a while", () => {
  flood();
  expect(arrive("f5", "192.0.2.1")).toBe(false);
  now += 2_000;
  expect(arrive("f6", "192.0.2.1")).toBe(true);
  expect(ended).toEqual(["f1"]);
});

test("nobody is ended while the server checks the password", () => {
  flood(true);
  now += 60_000;
  expect(arrive("ann", "198.51.100.7")).toBe(false);
  expect(ended).toEqual([]);
});

test("attack: passwords guessed from many addresses leave the places to the others", () => {
  for (let n = 0; n < 200; n += 1) {
    expect(arrive(`guess${n}`, `192.0.2.${n % 30}`, true, true)).toBe(true);
  }
  for (const n of [1, 2, 3, 4]) expect(arrive(`ann${n}`, `198.51.100.${n}`)).toBe(true);
  expect(ended).toEqual([]);
});

test("guesses that were wrong take places again, and make room for others", () => {
  let hashing = true;
  for (let n = 0; n < 8; n += 1) {
    const socket = Object.defineProperty(new Socket(), "remoteAddress", { value: "192.0.2.1" });
    expect(strangers.hasRoom("192.0.2.1")).toBe(true);
    const stranger = { busy: false, disconnect: () => ended.push(`guess${n}`) };
    strangers.add(
      Object.defineProperty(stranger, "hashing", { get: () => hashing }) as unknown as Stranger,
      socket,
    );
  }
  hashing = false;
  expect(arrive("ann", "198.51.100.7")).toBe(true);
  expect(ended).toHaveLength(5);
});

test("many addresses with one connection each: the oldest goes, after a while", () => {
  for (const n of [1, 2, 3, 4]) arrive(`a${n}`, `192.0.2.${n}`);
  expect(arrive("b", "198.51.100.7")).toBe(false);
  now += 2_000;
  expect(arrive("b", "198.51.100.7")).toBe(true);
  expect(ended).toEqual(["a1"]);
});

test("the addresses of one IPv6 network are one", () => {
  arrive("x", "2001:db8:1:2::1");
  arrive("y", "2001:db8:1:2:3:4:5:6");
  arrive("z", "2001:db8:1:3::1");
  arrive("v4", "::ffff:192.0.2.1");
  expect(arrive("new", "2001:db8:9::1")).toBe(true);
  expect(ended).toEqual(["x"]);
});
