import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { LISTS, listRows } from "../../../admin/lists.ts";
import type { Message, Model } from "../../../admin/model.ts";
import { draw } from "../../../admin/views/screen.ts";
import { pageLimit, wanted } from "../../../admin/wanted.ts";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { fillTeam } from "../../support/fake-team.ts";
import { Bench } from "./bench.ts";

const NAMED = [
  ..."abcdefghijklmnopqrstuvwxyzGKXRS1234567890/?* é宽".split(""),
  "up",
  "down",
  "left",
  "right",
  "pageup",
  "pagedown",
  "home",
  "end",
  "enter",
  "escape",
  "tab",
  "shift-tab",
  "backspace",
  "delete",
  "ctrl-u",
  "ctrl-l",
  "ctrl-w",
  "f1",
  "insert",
];

const key = fc.constantFrom(...NAMED).map((name): Message => ({ type: "key", key: name }));
const anyKey = fc
  .string({ unit: "binary", maxLength: 3 })
  .map((k): Message => ({ type: "key", key: k }));
const paste = fc.string({ unit: "binary" }).map((text): Message => ({ type: "paste", text }));
const resize = fc
  .tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }))
  .map(([columns, rows]): Message => ({ type: "resize", columns, rows }));
const wheel = fc.constantFrom(1, -1).map((delta): Message => ({ type: "wheel", delta }) as Message);
const tick = fc
  .integer({ min: 0, max: 1e6 })
  .map((ms): Message => ({ type: "tick", now: FAKE_NOW + ms }));
const link = fc.constantFrom<Message>({ type: "lost", reason: "gone" }, { type: "found" });
const failed = fc
  .tuple(fc.integer({ min: 0, max: 5 }), fc.string({ unit: "binary" }))
  .map(([dialog, message]): Message => ({ type: "failed", dialog, message }));

/** What happens to a model: a message, a click somewhere, news, or answers. */
type Event =
  | { readonly message: Message }
  | { readonly x: number; readonly y: number }
  | "news"
  | "fewer"
  | "answers";

const moving = fc
  .constantFrom("end", "home", "pagedown", "pageup", "down", "G", "j")
  .map((name): Message => ({ type: "key", key: name }));
const view = fc
  .constantFrom("2", "2", "3", "4", "5", "6", "7", "8")
  .map((name): Message => ({ type: "key", key: name }));
const message = fc
  .oneof(
    { weight: 10, arbitrary: key },
    { weight: 6, arbitrary: moving },
    view,
    anyKey,
    paste,
    resize,
    wheel,
    tick,
    link,
    failed,
  )
  .map((one): Event => ({ message: one }));
const click = fc.tuple(fc.nat(130), fc.nat(45)).map(([x, y]): Event => ({ x, y }));
const event = fc.oneof(
  { weight: 8, arbitrary: message },
  { weight: 2, arbitrary: click },
  { weight: 2, arbitrary: fc.constantFrom<Event>("news", "answers", "fewer") },
);

function checkModel(model: Model): void {
  for (const list of Object.values(LISTS)) {
    if (list === undefined) continue;
    const { index, top } = list.cursor(model);
    const count = list.count(model);
    expect(index).toBeGreaterThanOrEqual(0);
    expect(index).toBeLessThanOrEqual(Math.max(0, count - 1));
    expect(top).toBeGreaterThanOrEqual(0);
    expect(top).toBeLessThanOrEqual(index);
    if (!list.scrolls) expect(index).toBeLessThan(top + listRows(model));
  }
  // What is shown of the users is in the page that is asked for.
  const { cursor, offset, total } = model.users;
  expect(cursor.top).toBeGreaterThanOrEqual(offset);
  expect(Math.min(cursor.top + listRows(model), total)).toBeLessThanOrEqual(
    offset + pageLimit(model),
  );
  const keys = wanted(model).map((one) => one.key);
  expect(new Set(keys).size).toBe(keys.length);
}

const PRINTABLE = /^[\p{L}\p{N}\p{P}\p{S} ]$/u;

/** Every cell is one printable character, or the right half of one. */
function checkFrame(model: Model): void {
  const frame = draw(model);
  expect(frame.cells).toHaveLength(model.rows);
  for (const row of frame.cells) {
    expect(row).toHaveLength(model.columns);
    const wrong = row.filter(({ ch }) => ch !== "" && !PRINTABLE.test(ch));
    expect(wrong).toEqual([]);
  }
}

vi.setConfig({ testTimeout: 180_000 });

describe("whatever keys, clicks and news come", () => {
  it("nothing throws, selections stay in range, and pictures fit the terminal", async () => {
    await fc.assert(
      fc.asyncProperty(
        view,
        fc.array(event, { size: "large", maxLength: 50 }),
        async (first, events) => {
          const control = new FakeControl({ users: 250, sessions: 9 });
          fillTeam(control);
          const bench = new Bench().send(first).feed(control);
          for (const one of events) {
            if (one === "news") {
              control.advance();
              bench.feed(control);
            } else if (one === "fewer") {
              for (const name of [...control.users.keys()].slice(3)) control.users.delete(name);
              control.sessions = control.sessions.slice(0, 1);
              control.records = control.records.slice(0, 2);
              bench.feed(control);
            } else if (one === "answers") {
              await bench.settle(control);
            } else if ("message" in one) {
              bench.send(one.message);
            } else {
              const target = draw(bench.model).at(one.x, one.y);
              if (target !== undefined) bench.send({ type: "target", target });
            }
            // Most of the time the server is quick.
            if (bench.model.users.rows.length % 3 !== 1) bench.feed(control);
            checkModel(bench.model);
          }
          checkFrame(bench.model);
        },
      ),
      { numRuns: 60 },
    );
  });
});
