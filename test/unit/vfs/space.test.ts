import { beforeEach, expect, test, vi } from "vitest";
import { Space } from "../../../src/vfs/space.ts";

const MIB = 1024 * 1024;
const BLOCK = 4096;

/** The disk as the system tells it, and how often that was asked. */
const system = vi.hoisted(() => ({ totalBytes: 0, freeBytes: 0, asked: 0, isGone: false }));

vi.mock("node:fs", async (original) => ({
  ...(await original<typeof import("node:fs")>()),
  statfsSync() {
    system.asked += 1;
    if (system.isGone) throw new Error("ENOENT");
    return {
      bsize: BLOCK,
      blocks: system.totalBytes / BLOCK,
      bavail: Math.floor(system.freeBytes / BLOCK),
    };
  },
}));

beforeEach(() => {
  Object.assign(system, {
    totalBytes: 10_000 * MIB,
    freeBytes: 1_000 * MIB,
    asked: 0,
    isGone: false,
  });
});

function disk(floor = 64 * MIB) {
  const space = new Space(() => floor);
  return { space, disk: space.disk(1, "/somewhere") };
}

test("many small writes ask the system once", () => {
  const { disk: one } = disk();
  for (let n = 0; n < 1_000; n += 1) {
    expect(one.take(4096)).toBe(true);
    one.done(4096);
  }
  expect(system.asked).toBeLessThan(100);
});

test("writers at once together stop at the floor, also while the disk knows nothing of it yet", () => {
  system.freeBytes = 80 * MIB;
  const { disk: one } = disk();
  const granted = Array.from({ length: 40 }, () => one.take(MIB)).filter(Boolean);
  expect(granted).toHaveLength(16);
  for (const _ of granted) one.done(MIB);
  system.freeBytes = 64 * MIB;
  expect(one.has(0)).toBe(true);
  expect(one.take(1)).toBe(false);
});

test("of a small disk no more than a hundredth is kept free", () => {
  Object.assign(system, { totalBytes: 100 * MIB, freeBytes: 2 * MIB });
  const { disk: one } = disk();
  expect(one.take(MIB)).toBe(true);
  expect(one.take(BLOCK)).toBe(false);
});

test("is full from a refusal on until there is clearly room", async () => {
  const { disk: one } = disk();
  one.look();
  expect(one.isFull).toBe(false);
  system.freeBytes = 64 * MIB + 10;
  await vi.waitFor(() => expect(one.has(BLOCK)).toBe(false));
  expect(one.isFull).toBe(true);
  expect(() => one.expectRoom()).not.toThrow();
  system.freeBytes = 65 * MIB;
  one.look();
  expect(one.isFull).toBe(true);
  system.freeBytes = 80 * MIB;
  one.look();
  expect(one.isFull).toBe(false);
});

test("one that wants more than there is does not make it full for the others", () => {
  const { disk: one } = disk();
  expect(one.take(5_000 * MIB)).toBe(false);
  expect(one.isFull).toBe(false);
  expect(one.take(MIB)).toBe(true);
});

test("while the database has no room nothing new is stored on any disk", () => {
  const { disk: one, space } = disk();
  space.isClosed = true;
  expect(one.take(1)).toBe(false);
  expect(() => one.expectRoom()).toThrow("The server's disk is full");
});

test("a file system that tells no size has room", () => {
  Object.assign(system, { totalBytes: 0, freeBytes: 0 });
  expect(disk().disk.take(1_000 * MIB)).toBe(true);
});

test("homes on one device share what is known of it", () => {
  const { space, disk: one } = disk();
  expect(space.disk(1, "/elsewhere")).toBe(one);
  expect(space.disk(2, "/elsewhere")).not.toBe(one);
});

test("attack: who removes the directory by which the disk was looked at breaks nobody's writes", () => {
  const { disk: one } = disk();
  one.look();
  system.isGone = true;
  one.look();
  expect(one.take(MIB)).toBe(true);
  one.done(MIB);
  expect(one.isFull).toBe(false);
});
