import { expect, test } from "vitest";
import { FsError } from "../../../src/errors.ts";
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

test("one user gets no more than half", () => {
  const descriptors = new Descriptors(500);
  expect(fill(descriptors, 1)).toBe(250);
  expect(fill(descriptors, 2)).toBe(250);
  expect(fill(descriptors, 3)).toBe(0);
  descriptors.give(1, 10);
  expect(fill(descriptors, 3)).toBe(10);
});

test("where there are many, a user's share is bounded", () => {
  expect(fill(new Descriptors(1_000_000), 1)).toBe(8192);
});

test("who has more than there may be from now on keeps it, and gets no more", () => {
  const descriptors = new Descriptors(500);
  descriptors.take(1, 100);
  descriptors.fit(60);
  expect(fill(descriptors, 2)).toBe(0);
  descriptors.give(1, 90);
  expect(fill(descriptors, 2)).toBe(30);
});

test("what the system refuses is told, what a limit refuses is not", () => {
  const descriptors = new Descriptors(1);
  let told = 0;
  descriptors.onExhausted = () => {
    told += 1;
  };
  for (const code of ["EMFILE", "ENFILE", "ENOENT"]) {
    descriptors.noticed(Object.assign(new Error(), { code }));
  }
  descriptors.noticed(new FsError("EMFILE"));
  expect(told).toBe(2);
});

test("what takes two needs two", () => {
  const descriptors = new Descriptors(500);
  descriptors.take(1, 249);
  expect(() => descriptors.check(1, 2)).toThrow("EMFILE");
  descriptors.give(1, 2);
  descriptors.check(1, 2);
});
