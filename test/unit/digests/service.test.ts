import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DigestService } from "../../../src/digests/service.ts";
import type { DigestStore } from "../../../src/store/digests.ts";

const config = {
  workers: 1,
  queue: 1,
  queuePerUser: 1,
  onUpload: [],
  uploads: 1,
  maxRecords: 1_000,
};

let forgotten: string[][];
let service: DigestService;

beforeEach(() => {
  vi.useFakeTimers();
  forgotten = [];
  const forgetAll = async (inodes: readonly string[]): Promise<void> => {
    if (inodes.length > 0) forgotten.push([...inodes]);
  };
  service = new DigestService({ config, store: { forgetAll } as unknown as DigestStore });
});

afterEach(async () => {
  vi.useRealTimers();
  await service.close();
});

test("what was known of removed files is forgotten within a second, for all of them at once", () => {
  for (const inode of ["a", "b", "c"]) service.removed(inode);
  expect(forgotten).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(forgotten).toEqual([["a", "b", "c"]]);
  service.removed("d");
  vi.advanceTimersByTime(1_000);
  expect(forgotten[1]).toEqual(["d"]);
});

test("many removed files are forgotten without waiting", () => {
  for (let inode = 0; inode < 600; inode += 1) service.removed(`${inode}`);
  expect(forgotten.map((inodes) => inodes.length)).toEqual([256, 256]);
  vi.advanceTimersByTime(1_000);
  expect(forgotten[2]).toHaveLength(600 - 2 * 256);
});

test("nothing stays behind when the service ends", async () => {
  service.removed("a");
  await service.close();
  expect(forgotten).toEqual([["a"]]);
});
