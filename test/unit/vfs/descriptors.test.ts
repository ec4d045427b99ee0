import { expect, test } from "vitest";
import { Descriptors } from "../../../src/vfs/descriptors.ts";

/** How many a user can take, one by one. */
function fill(descriptors: Descriptors, userId: number): number {
  for (let taken = 0; ; taken += 1) {
    try {
      descriptors.check(userId, 1);
    } catch {
      return taken;
    }
    descriptors.take(userId, 1);
  }
}

test("one user gets no more than half, and some are kept for the server itself", () => {
  const descriptors = new Descriptors(1000);
  expect(fill(descriptors, 1)).toBe(250);
  expect(fill(descriptors, 2)).toBe(250);
  expect(fill(descriptors, 3)).toBe(0);
  descriptors.give(1, 10);
  expect(fill(descriptors, 3)).toBe(10);
});

test("where there are many, a user's share is bounded and 1024 are kept", () => {
  expect(fill(new Descriptors(1_000_000), 1)).toBe(8192);
  const descriptors = new Descriptors(5024);
  expect(fill(descriptors, 1)).toBe(2000);
  expect(fill(descriptors, 2)).toBe(2000);
  expect(fill(descriptors, 3)).toBe(0);
});

test("what takes two needs two", () => {
  const descriptors = new Descriptors(1000);
  descriptors.take(1, 249);
  expect(() => descriptors.check(1, 2)).toThrow("EMFILE");
  descriptors.give(1, 2);
  descriptors.check(1, 2);
});
