import { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BulkLine } from "../../../src/ssh/bulk-line.ts";
import type { LoopShare } from "../../../src/ssh/loop-share.ts";
import { Reading } from "../../../src/ssh/reading.ts";

const KIB = 1024;

let quantum: number;
let line: BulkLine;
let opened: Connection[];

beforeEach(() => {
  quantum = 128 * KIB;
  line = new BulkLine();
  opened = [];
});

afterEach(() => {
  for (const { socket } of opened) socket.destroy();
});

class Connection {
  readonly socket = new Socket();
  readonly reading: Reading;
  isHeld = false;

  constructor() {
    const share = { readingQuantum: () => quantum } as unknown as LoopShare;
    this.reading = new Reading(this.socket, share, () => this.isHeld, line);
    this.socket.resume();
    opened.push(this);
  }

  get isRead(): boolean {
    return !this.socket.isPaused();
  }
}

function isRead(all: readonly Connection[]): boolean[] {
  return all.map((one) => one.isRead);
}

test("a connection is read from until its quantum is, and goes on in the next turn", async () => {
  const one = new Connection();
  one.reading.received(64 * KIB);
  expect(one.isRead).toBe(true);
  one.reading.received(64 * KIB);
  expect(one.isRead).toBe(false);
  await nextTurn();
  expect(one.isRead).toBe(true);
});

test("what was read in other turns doesn't count, nor do small reads", async () => {
  const one = new Connection();
  one.reading.received(100 * KIB);
  await nextTurn();
  one.reading.received(100 * KIB);
  expect(one.isRead).toBe(true);
  for (let i = 0; i < 100; i += 1) one.reading.received(15 * KIB);
  expect(one.isRead).toBe(true);
});

test("of several that have read their quantum one goes on in a turn", async () => {
  const all = [new Connection(), new Connection(), new Connection()];
  for (const { reading } of all) reading.received(quantum);
  expect(isRead(all)).toEqual([false, false, false]);
  await nextTurn();
  expect(isRead(all)).toEqual([true, false, false]);
  all[0]?.reading.received(quantum);
  await nextTurn();
  expect(isRead(all)).toEqual([false, true, false]);
  await nextTurn();
  expect(isRead(all)).toEqual([false, true, true]);
  await nextTurn();
  expect(isRead(all)).toEqual([true, true, true]);
});

test("what the kernel took makes nobody read before its turn", () => {
  const one = new Connection();
  one.reading.received(quantum);
  one.reading.goOn();
  expect(one.isRead).toBe(false);
});

test("one that is held is not read from, and takes nobody's turn", async () => {
  const [held, other] = [new Connection(), new Connection()];
  held.isHeld = true;
  held.reading.received(quantum);
  other.reading.received(quantum);
  await nextTurn();
  expect(isRead([held, other])).toEqual([false, true]);
  held.reading.goOn();
  expect(held.isRead).toBe(false);
  held.isHeld = false;
  held.reading.goOn();
  expect(held.isRead).toBe(true);
});

test("a small read of one that is held stops it, too", () => {
  const one = new Connection();
  one.isHeld = true;
  one.reading.received(10);
  expect(one.isRead).toBe(false);
});

test("one whose socket is gone leaves the line", () => {
  const one = new Connection();
  one.reading.received(quantum);
  expect(line.has(one.reading)).toBe(true);
  one.socket.emit("close");
  expect(line.has(one.reading)).toBe(false);
});
