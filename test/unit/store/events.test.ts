import { expect, test } from "vitest";
import type { NewEvent } from "../../../src/store/events.ts";
import type { Store } from "../../../src/store/store.ts";
import { rawDatabase, storeAt, temporaryRoot, temporaryStore } from "./instance.ts";

const NOW = Date.now();

function event(receiver: string, text: string, most = { events: 10, bytes: 1_000 }): NewEvent {
  return { receiver, at: NOW, event: text, most };
}

/** A store with these receivers, of which this process delivers. */
async function holding(...names: string[]): Promise<{ root: string; store: Store }> {
  const made = await temporaryStore();
  expect(await made.store.events.claim()).toBe(true);
  expect(await made.store.events.setReceivers(names, NOW)).toBe(0);
  return made;
}

async function stateOf(store: Store, name: string) {
  return (await store.events.list()).find((state) => state.name === name);
}

test("events are queued for each receiver in their order, with numbers of its own", async () => {
  const { store } = await holding("a", "b");
  await store.events.take(0, 5, [event("a", "1"), event("b", "1"), event("a", "2")]);
  const due = await store.events.due("a", NOW, 10);
  expect(due.map(({ sequence, event: text }) => [sequence, text])).toEqual([
    [1, "1"],
    [2, "2"],
  ]);
  expect(await stateOf(store, "a")).toMatchObject({ queued: 2, queuedBytes: 2, dropped: 0 });
  expect(await store.events.due("a", NOW, 1)).toHaveLength(1);
});

test("what has no room is dropped and counted, and leaves a gap in the numbers", async () => {
  const { store } = await holding("a");
  const most = { events: 2, bytes: 1_000 };
  const all = ["1", "2", "3", "4"].map((text) => event("a", text, most));
  expect(await store.events.take(0, 1, all)).toEqual(new Map([["a", 2]]));
  const [first] = await store.events.due("a", NOW, 1);
  await store.events.succeeded("a", [first?.id ?? 0], NOW);
  const small = { events: 10, bytes: 3 };
  const more = ["55", "666", "7"].map((text) => event("a", text, small));
  expect(await store.events.take(1, 2, more)).toEqual(new Map([["a", 2]]));
  const due = await store.events.due("a", NOW, 10);
  expect(due.map(({ sequence, event: text }) => [sequence, text])).toEqual([
    [2, "2"],
    [5, "55"],
  ]);
  expect(await stateOf(store, "a")).toMatchObject({ queued: 2, queuedBytes: 3, dropped: 4 });
});

test("bytes are counted, not characters", async () => {
  const { store } = await holding("a");
  await store.events.take(0, 1, [event("a", "é😀")]);
  expect(await stateOf(store, "a")).toMatchObject({ queuedBytes: 6 });
  await store.events.drop("a");
  expect(await stateOf(store, "a")).toMatchObject({ queued: 0, queuedBytes: 0, dropped: 1 });
});

test("success and failure are noted; a refused event lets others go before it", async () => {
  const { store } = await holding("a");
  await store.events.take(0, 1, [event("a", "1"), event("a", "2")]);
  const [first] = await store.events.due("a", NOW, 1);
  if (first === undefined) throw new Error("nothing is due");
  const attempt = { at: NOW, error: "answered 422", nextAt: NOW + 5, eventNextAt: NOW + 50 };
  await store.events.failed(first, attempt);
  const failing = { failures: 1, nextAt: NOW + 5, lastErrorAt: NOW, lastError: "answered 422" };
  expect(await stateOf(store, "a")).toMatchObject(failing);
  const [second] = await store.events.due("a", NOW, 1);
  expect(second?.event).toBe("2");
  await store.events.succeeded("a", [second?.id ?? 0], NOW);
  const well = { failures: 0, nextAt: 0, delivered: 1, queued: 1, lastSuccessAt: NOW };
  expect(await stateOf(store, "a")).toMatchObject({ ...well, lastError: "answered 422" });
  expect(await store.events.due("a", NOW, 1)).toEqual([]);
  await store.events.retry("a");
  expect(await store.events.due("a", NOW, 1)).toMatchObject([{ event: "1", tries: 1 }]);
});

test("attack: events that are refused do not add up to a receiver that fails", async () => {
  const { store } = await holding("a");
  await store.events.take(0, 1, [event("a", "1"), event("a", "2"), event("a", "3")]);
  const refused = { at: NOW, error: "ended with 1", nextAt: NOW, eventNextAt: NOW + 50 };
  for (const one of await store.events.due("a", NOW, 2)) await store.events.failed(one, refused);
  expect(await stateOf(store, "a")).toMatchObject({ failures: 1 });
  const [third] = await store.events.due("a", NOW, 1);
  if (third === undefined) throw new Error("nothing is due");
  await store.events.failed(third, { ...refused, eventNextAt: 0 });
  expect(await stateOf(store, "a")).toMatchObject({ failures: 2 });
});

test("what is too old is dropped", async () => {
  const { store } = await holding("a");
  const old = { ...event("a", "old"), at: NOW - 10 };
  await store.events.take(0, 1, [old, event("a", "new")]);
  expect(await store.events.drop("a", NOW - 5)).toBe(1);
  expect((await store.events.due("a", NOW, 9)).map((one) => one.event)).toEqual(["new"]);
});

test("a queue of thousands is dropped", async () => {
  const { store } = await holding("a");
  const most = { events: 10_000, bytes: 100_000 };
  const all = Array.from({ length: 1_234 }, (_, at) => event("a", `${at}`, most));
  await store.events.take(0, 1, all);
  expect(await store.events.drop("a")).toBe(1_234);
  expect(await stateOf(store, "a")).toMatchObject({ queued: 0, queuedBytes: 0 });
});

test("a receiver that is taken away stays until nothing waits for it", async () => {
  const { store } = await holding("a", "b");
  await store.events.take(0, 1, [event("a", "1")]);
  await store.events.setReceivers([], NOW);
  expect(await store.events.list()).toMatchObject([{ name: "a", active: 0, queued: 1 }]);
  await store.events.drop("a");
  expect(await store.events.list()).toEqual([]);
});

test("the first receivers begin with what is new, later ones where events were made up to", async () => {
  const { store } = await temporaryStore();
  store.audit.record({ kind: "login" });
  await store.audit.flush();
  const since = Date.now() + 1_000;
  await store.events.claim();
  expect(await store.events.setReceivers(["a"], since)).toBe(1);
  store.audit.record({ kind: "login" });
  await store.audit.flush();
  expect(await store.events.newest()).toBe(2);
  expect(await store.events.setReceivers(["a", "b"], since)).toBe(1);
  await store.events.take(1, 2, []);
  // Nobody was told for a while.
  await store.events.setReceivers([], since);
  store.audit.record({ kind: "login" });
  await store.audit.flush();
  expect(await store.events.setReceivers(["a"], since)).toBe(3);
});

test("numbers of records that were pruned are not used again", async () => {
  const { store } = await holding("a");
  store.audit.record({ kind: "login" });
  await store.audit.flush();
  await store.audit.prune(-10_000, 10);
  expect(await store.events.newest()).toBe(1);
});

test("one process delivers; another one takes over when that is gone, and not before", async () => {
  const root = await temporaryRoot();
  const [one, two] = [await storeAt(root), await storeAt(root)];
  expect(await one.events.claim()).toBe(true);
  expect(await one.events.claim()).toBe(true);
  expect(await two.events.claim()).toBe(false);
  await one.events.setReceivers(["a"], NOW);
  // What the other one has read is not made events of.
  expect(await two.events.take(0, 1, [event("a", "1")])).toBeUndefined();
  expect(await one.events.take(7, 8, [event("a", "1")])).toBeUndefined();
  // Killed: another process has its number now.
  (await rawDatabase(root)).exec(`UPDATE nodes SET start_time = '1' WHERE id = '${one.nodeId}'`);
  expect(await two.events.claim()).toBe(true);
  expect(await two.events.take(0, 1, [event("a", "1")])).toEqual(new Map());
  expect(await one.events.take(1, 2, [event("a", "1")])).toBeUndefined();
  await two.events.release();
  expect(await two.events.take(1, 2, [])).toBeUndefined();
});
