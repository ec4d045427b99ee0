import { afterEach, beforeEach, expect, test } from "vitest";
import { CALL_BOUNDS } from "../../../src/store/calls.ts";
import type { Store } from "../../../src/store/store.ts";
import { openTestStore } from "../../support/store-engine.ts";
import { rawDatabase, temporaryRoot } from "./instance.ts";

const CALL = { actor: "cli:root", method: "overview", params: "{}" };

let root: string;
let one: Store;
let other: Store;
let stranger: Store;

beforeEach(async () => {
  root = await temporaryRoot();
  one = await openTestStore(root, "server", "1");
  other = await openTestStore(root, "server", "1");
  stranger = await openTestStore(root, "server", "1");
});

afterEach(async () => {
  for (const store of [one, other, stranger]) await store.close();
});

async function ask(from = one, to = other): Promise<string> {
  const asked = await from.calls.ask(to.nodeId, CALL);
  if (typeof asked === "string") throw new Error(asked);
  return asked.id;
}

async function sql(text: string, ...values: unknown[]): Promise<unknown[]> {
  const database = await rawDatabase(root);
  try {
    const statement = database.prepare(text);
    return text.startsWith("SELECT")
      ? statement.all(...values)
      : [statement.run(...values).changes];
  } finally {
    database.close();
  }
}

test("who is asked reads it and answers once, and who asked takes the answer once", async () => {
  const id = await ask();
  expect(await one.calls.waiting()).toEqual([]);
  expect(await other.calls.waiting()).toEqual([{ id, from: one.nodeId, ...CALL }]);
  expect(await one.calls.take(id)).toEqual({ answer: undefined });
  expect(await other.calls.answer(id, "1")).toBe(true);
  expect(await other.calls.waiting()).toEqual([]);
  expect(await other.calls.answer(id, "2")).toBe(false);
  expect(await one.calls.take(id)).toEqual({ answer: "1" });
  expect(await one.calls.take(id)).toBe("gone");
  expect(await sql("SELECT * FROM calls")).toEqual([]);
});

test("nobody else answers a call, takes its answer or takes it back", async () => {
  const id = await ask();
  expect(await stranger.calls.answer(id, "forged")).toBe(false);
  expect(await one.calls.answer(id, "forged")).toBe(false);
  expect(await one.calls.take(id)).toEqual({ answer: undefined });
  expect(await other.calls.answer(id, "true")).toBe(true);
  expect(await stranger.calls.take(id)).toBe("gone");
  await stranger.calls.withdraw(id);
  expect(await one.calls.take(id)).toEqual({ answer: "true" });
});

test("so many wait for one process, and no more, also when they are answered but not taken", async () => {
  const ids = [];
  for (let at = 0; at < CALL_BOUNDS.waiting; at += 1) ids.push(await ask());
  for (const id of ids) await other.calls.answer(id, "1");
  expect(await one.calls.ask(other.nodeId, CALL)).toBe("full");
  expect(await stranger.calls.ask(other.nodeId, CALL)).toBe("full");
  await ask(one, stranger);
  await one.calls.take(ids[0] ?? "");
  await ask(stranger);
});

test("a call goes when it is a minute old", async () => {
  const id = await ask();
  await sql("UPDATE calls SET asked_at = asked_at - ?", CALL_BOUNDS.lifeMs + 1);
  expect(await other.calls.waiting()).toEqual([]);
  await ask(stranger, one);
  expect(await one.calls.take(id)).toBe("gone");
  expect(await sql("SELECT * FROM calls")).toHaveLength(1);
});

test("calls go with who asked and with who was asked, and nobody asks a process that is gone", async () => {
  const id = await ask();
  await ask(other, stranger);
  await other.close();
  expect(await one.calls.take(id)).toBe("gone");
  expect(await stranger.calls.waiting()).toEqual([]);
  expect(await one.calls.ask(other.nodeId, CALL)).toBe("gone");
});

test("a process that writes a call or an answer is noticed", async () => {
  const before = other.calls.version;
  const id = await ask();
  await expect.poll(() => other.calls.version).not.toBe(before);
  const asked = one.calls.version;
  await other.calls.answer(id, "1");
  await expect.poll(() => one.calls.version).not.toBe(asked);
});
