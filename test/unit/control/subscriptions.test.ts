import { expect, test } from "vitest";
import { Subscriptions } from "../../../src/control/subscriptions.ts";

function subscriptions(onTooMany?: (id: number) => void) {
  const sent: [number, unknown][] = [];
  const room = { now: true };
  const closed: number[] = [];
  const all = new Subscriptions({
    max: 2,
    maxRecords: 3,
    send: (id, event) => void sent.push([id, event]),
    hasRoom: () => room.now,
    ...(onTooMany === undefined ? {} : { onTooMany }),
  });
  const follow = (id: number, topic: "users" | "log") => {
    let tell: (event: unknown) => void = () => {};
    all.add(
      id,
      topic,
    )((told) => {
      tell = told;
      return { close: () => void closed.push(id) };
    });
    return (event: unknown) => tell(event);
  };
  return { all, sent, room, closed, follow };
}

test("who reads slowly gets the newest state, and every record", () => {
  const { all, sent, room, follow } = subscriptions();
  const users = follow(1, "users");
  const log = follow(2, "log");
  users("a");
  room.now = false;
  for (const state of ["b", "c"]) users(state);
  for (const record of [1, 2]) log([record]);
  all.flush();
  expect(sent).toEqual([[1, "a"]]);
  room.now = true;
  all.flush();
  all.flush();
  expect(sent.slice(1)).toEqual([
    [1, "c"],
    [2, [1, 2]],
  ]);
});

test("more records than may wait: the oldest go, or the subscription ends", () => {
  const dropping = subscriptions();
  dropping.room.now = false;
  const log = dropping.follow(1, "log");
  for (const record of [1, 2, 3, 4]) log([record]);
  dropping.room.now = true;
  dropping.all.flush();
  expect(dropping.sent).toEqual([[1, [2, 3, 4]]]);

  const ended: number[] = [];
  const ending = subscriptions((id) => ended.push(id));
  ending.room.now = false;
  const all = ending.follow(1, "log");
  for (const record of [1, 2, 3, 4, 5]) all([record]);
  expect([ended, ending.closed, ending.sent]).toEqual([[1], [1], []]);
});

test("a number that is taken and one too many are refused, and what is there goes on", () => {
  const { all, sent, follow } = subscriptions();
  const users = follow(1, "users");
  expect(() => all.add(1, "users")).toThrow("subscription 1 is there already");
  follow(2, "users");
  expect(() => all.add(3, "users")).toThrow("too many subscriptions");
  users("a");
  expect(sent).toEqual([[1, "a"]]);
});

test("what is given up while it begins, or can't begin, keeps no place", () => {
  const { all, follow } = subscriptions();
  const begin = all.add(1, "users");
  all.remove(1);
  begin(() => {
    throw new Error("nobody asked any more");
  });
  const failing = all.add(2, "users");
  expect(() =>
    failing(() => {
      throw new Error("no such topic");
    }),
  ).toThrow("no such topic");
  expect(all.size).toBe(0);
  follow(1, "users");
  follow(2, "users");
});
