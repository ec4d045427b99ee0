import { afterEach, beforeEach, expect, test } from "vitest";
import { type Crossing, lookAtMarks, nextMark } from "../../../src/quota/marks.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { PUT, TestInstance } from "../../support/instance.ts";

test.each([
  ["below all", 10, 0, 0],
  ["over the first", 80, 0, 80],
  ["over both at once", 99, 0, 95],
  ["still above", 85, 80, 80],
  ["a little below", 78, 80, 80],
  ["clearly below", 76, 80, 0],
  ["a little below the second", 93, 95, 95],
  ["clearly below the second", 90, 95, 80],
  ["below the second, near the first", 78, 95, 80],
  ["below both", 10, 95, 0],
])("a usage %s", (_, used, before, mark) => {
  expect(nextMark(used, 100, before)).toBe(mark);
});

test("without a quota nothing is marked", () => {
  expect(nextMark(10, null, 95)).toBe(0);
  expect(nextMark(0, 0, 0)).toBe(0);
});

let instance: TestInstance;
let home: UserFileSystem;
let crossings: Crossing[];

beforeEach(async () => {
  instance = await TestInstance.create();
  home = await instance.home(await instance.addUser("ann", 1_000_000));
  crossings = [];
});

afterEach(() => instance.close());

async function put(name: string, bytes: number): Promise<void> {
  const file = await home.open(fromText(name), PUT, 0o644);
  await file.write([Buffer.alloc(bytes)], bytes, 0);
  await file.close();
}

async function look(): Promise<string[]> {
  crossings = [];
  const { ledger, store } = instance;
  await lookAtMarks(ledger, store.quotaMarks, (crossing) => crossings.push(crossing));
  return crossings.map(({ user, of, mark }) => `${user} ${of} ${mark}`);
}

test("a mark is crossed once, and again after the usage was clearly below", async () => {
  await put("/a", 700_000);
  expect(await look()).toEqual([]);
  await put("/b", 120_000);
  expect(await look()).toEqual(["ann bytes 80"]);
  expect(crossings[0]).toMatchObject({ used: 820_000, quota: 1_000_000 });
  expect(await look()).toEqual([]);
  await put("/c", 1);
  await home.remove(fromText("/b"));
  await put("/b", 80_000);
  await put("/b", 120_000);
  expect(await look()).toEqual([]);
  await home.remove(fromText("/b"));
  expect(await look()).toEqual([]);
  await put("/b", 260_000);
  expect(await look()).toEqual(["ann bytes 95"]);
});

test("what is charged ahead of need is no usage", async () => {
  const file = await home.open(fromText("/a"), PUT, 0o644);
  await file.write([Buffer.alloc(500_000)], 500_000, 0);
  expect(await look()).toEqual([]);
  await file.write([Buffer.alloc(400_000)], 400_000, 500_000);
  expect(await look()).toEqual(["ann bytes 80"]);
  await file.close();
});

test("two that look at once say it once", async () => {
  await put("/a", 970_000);
  const touched = instance.ledger.takeTouched();
  expect(touched.size).toBe(1);
  const books = {
    takeTouched: () => touched,
    touch() {},
    exactUsage: (userId: number) => instance.ledger.exactUsage(userId),
  };
  const { quotaMarks } = instance.store;
  const one = () => lookAtMarks(books, quotaMarks, (crossing) => crossings.push(crossing));
  await Promise.all([one(), one(), one()]);
  expect(crossings).toHaveLength(1);
});

test("who could not be looked at is the next time", async () => {
  await put("/a", 970_000);
  const { ledger, store } = instance;
  const broken = {
    of: () => Promise.reject(new Error("database is locked")),
    move: async () => true,
  };
  await expect(lookAtMarks(ledger, broken, () => {})).rejects.toThrow("locked");
  expect(await look()).toEqual(["ann bytes 95"]);
  expect((await store.quotaMarks.of(crossings[0]?.userId ?? 0))?.marks.bytes).toBe(95);
});
