import { expect, it } from "vitest";
import { Reloads } from "../../../src/session/reloads.ts";

class Files {
  reloads = 0;
  onClosed: (() => void) | undefined;
  failing = false;

  async reload(): Promise<void> {
    this.reloads += 1;
    if (this.failing) throw new Error("the store is busy");
  }
}

it("a user's change reaches sessions and whatever else has the files open, until that is closed", async () => {
  const [ann, bob, other] = [new Files(), new Files(), new Files()];
  const sessions = [
    { userId: 1, files: ann },
    { userId: 2, files: bob },
  ];
  const reloads = new Reloads(
    () => sessions,
    () => {},
  );
  await reloads.follow(1, other);
  // What changed while they were opened.
  expect(other.reloads).toBe(1);
  await reloads.changed(1);
  expect([ann.reloads, bob.reloads, other.reloads]).toEqual([1, 0, 2]);
  await reloads.changed(0);
  expect([ann.reloads, bob.reloads, other.reloads]).toEqual([2, 1, 3]);
  other.onClosed?.();
  await reloads.changed(0);
  expect([ann.reloads, bob.reloads, other.reloads]).toEqual([3, 2, 3]);
});

it("what could not be read is read again", async () => {
  const ann = new Files();
  const told: unknown[] = [];
  const reloads = new Reloads(
    () => [{ userId: 1, files: ann }],
    (error) => told.push(error),
  );
  ann.failing = true;
  await reloads.changed(1);
  expect(told).toHaveLength(1);
  ann.failing = false;
  await reloads.run();
  expect(ann.reloads).toBe(2);
  await reloads.run();
  expect(ann.reloads).toBe(2);
});
