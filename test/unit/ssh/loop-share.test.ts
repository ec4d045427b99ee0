import { beforeEach, expect, test } from "vitest";
import { LoopShare } from "../../../src/ssh/loop-share.ts";

const MIB = 1024 * 1024;
const KIB = 1024;

/** Milliseconds of a clock of this test's own, far behind whatever others did. */
let now = 1e9;

beforeEach(() => {
  now += 1e6;
});

test("bulk alone moves much at once, also when it has paused", () => {
  const bulk = new LoopShare();
  for (let turn = 0; turn < 100; turn += 1, now += 10) {
    expect(bulk.quantum(now)).toBe(MIB);
    bulk.moved(MIB, now);
  }
  now += 1_000;
  expect(bulk.quantum(now)).toBe(MIB);
});

test("bulk beside bulk moves much at once, after the first moment", () => {
  const both = [new LoopShare(), new LoopShare()] as const;
  for (let turn = 0; turn < 30; turn += 1, now += 10) for (const one of both) one.moved(MIB, now);
  for (const one of both) expect(one.quantum(now)).toBe(MIB);
});

test("bulk beside one that asks for little moves little at once, and much a moment later", () => {
  const bulk = new LoopShare();
  const small = new LoopShare();
  bulk.moved(2 * MIB, now);
  small.moved(100, now);
  expect(bulk.quantum(now)).toBe(64 * KIB);
  // Whoever asks for little is not held up by itself.
  expect(small.quantum(now)).toBe(MIB);
  expect(bulk.quantum(now + 99)).toBe(64 * KIB);
  expect(bulk.quantum(now + 101)).toBe(MIB);
});

test("two that ask for little know of each other", () => {
  const [one, other] = [new LoopShare(), new LoopShare()];
  one.moved(100, now);
  other.moved(100, now);
  expect(one.quantum(now)).toBe(64 * KIB);
  expect(other.quantum(now)).toBe(64 * KIB);
});

test("small files in a row are little, a download at full speed is not", () => {
  const bulk = new LoopShare();
  const files = new LoopShare();
  for (let turn = 0; turn < 300; turn += 1, now += 1) files.moved(4 * KIB, now);
  expect(bulk.quantum(now)).toBe(64 * KIB);
  for (let turn = 0; turn < 300; turn += 1, now += 1) files.moved(256 * KIB, now);
  expect(bulk.quantum(now)).toBe(MIB);
});
