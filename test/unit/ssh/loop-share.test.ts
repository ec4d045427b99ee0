import { beforeEach, expect, test } from "vitest";
import { LoopShare } from "../../../src/ssh/loop-share.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** What bulk sends in a turn of its own, and beside somebody who asks for little. */
const MUCH = 512 * KIB;
const LITTLE = 64 * KIB;

/** Milliseconds of a clock of this test's own, far behind whatever others did. */
let now = 1e9;

beforeEach(() => {
  now += 1e6;
});

test("bulk alone moves much at once, also when it has paused", () => {
  const bulk = new LoopShare();
  for (let turn = 0; turn < 100; turn += 1, now += 10) {
    expect(bulk.quantum(now)).toBe(MUCH);
    bulk.moved(MIB, now);
  }
  now += 1_000;
  expect(bulk.quantum(now)).toBe(MUCH);
});

test("bulk beside bulk moves much at once, after the first moment", () => {
  const both = [new LoopShare(), new LoopShare()] as const;
  for (let turn = 0; turn < 30; turn += 1, now += 10) for (const one of both) one.moved(MIB, now);
  for (const one of both) expect(one.quantum(now)).toBe(MUCH);
});

test("bulk beside one that asks for little moves little at once, and much a moment later", () => {
  const bulk = new LoopShare();
  const small = new LoopShare();
  bulk.moved(2 * MIB, now);
  small.moved(100, now);
  expect(bulk.quantum(now)).toBe(LITTLE);
  // Whoever asks for little is not held up by itself.
  expect(small.quantum(now)).toBe(MUCH);
  expect(bulk.quantum(now + 99)).toBe(LITTLE);
  expect(bulk.quantum(now + 101)).toBe(MUCH);
});

test("two that ask for little know of each other", () => {
  const [one, other] = [new LoopShare(), new LoopShare()];
  one.moved(100, now);
  other.moved(100, now);
  expect(one.quantum(now)).toBe(LITTLE);
  expect(other.quantum(now)).toBe(LITTLE);
});

test("small files in a row are little, a download at full speed is not", () => {
  const bulk = new LoopShare();
  const files = new LoopShare();
  for (let turn = 0; turn < 300; turn += 1, now += 1) files.moved(4 * KIB, now);
  expect(bulk.quantum(now)).toBe(LITTLE);
  for (let turn = 0; turn < 300; turn += 1, now += 1) files.moved(256 * KIB, now);
  expect(bulk.quantum(now)).toBe(MUCH);
});

test("reading: much alone, one read of a socket beside somebody who asks for little", () => {
  const bulk = new LoopShare();
  bulk.moved(2 * MIB, now);
  expect(bulk.readingQuantum(now)).toBe(MIB);
  new LoopShare().moved(100, now);
  expect(bulk.readingQuantum(now)).toBe(32 * KIB);
});

test("a connection is light until it moves much, and again a moment after that", () => {
  const share = new LoopShare();
  expect(share.isLight(now)).toBe(true);
  share.moved(MIB, now);
  expect(share.isLight(now)).toBe(true);
  share.moved(1, now);
  expect(share.isLight(now)).toBe(false);
  expect(share.isLight(now + 150)).toBe(false);
  expect(share.isLight(now + 400)).toBe(true);
});
