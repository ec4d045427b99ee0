import { cpSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Reserve } from "../../../src/store/reserve.ts";
import { newUser, sqliteFile, storeAt, temporaryRoot } from "./instance.ts";

const MIB = 1024 * 1024;

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), "moorage-reserve-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function sizeOf(...path: string[]): number {
  return statSync(join(...path)).size;
}

test("is kept whole while there is room, given back little by little, and made whole again", () => {
  const place = directory();
  const reserve = new Reserve(place);
  expect(reserve.missing).toBe(4 * MIB);
  expect(reserve.release()).toBe(false);
  reserve.fill();
  expect(reserve.missing).toBe(0);
  // Blocks, not only a length.
  expect(statSync(join(place, "reserve")).blocks * 512).toBeGreaterThanOrEqual(4 * MIB);
  let steps = 0;
  while (reserve.release()) {
    steps += 1;
    expect(reserve.missing).toBe(4 * MIB - sizeOf(place, "reserve"));
  }
  expect(steps).toBe(128);
  reserve.refill();
  expect(reserve.missing).toBe(0);
});

test("takes nothing of what must be left free", () => {
  const place = directory();
  new Reserve(place).fill(Number.MAX_SAFE_INTEGER);
  expect(new Reserve(place).missing).toBe(4 * MIB);
});

test("an instance that had none gets none when a command ends", () => {
  const place = directory();
  new Reserve(place).refill();
  expect(new Reserve(place).missing).toBe(4 * MIB);
});

test("a server's log has its length from the start, and what is in it survives a crash", async () => {
  const root = await temporaryRoot();
  const store = await storeAt(root);
  const log = join(root, "db", "moorage.sqlite-wal");
  const length = sizeOf(log);
  expect(length).toBeGreaterThan(4 * MIB);
  for (let n = 0; n < 50; n += 1) await store.users.add(newUser(`user${n}`));
  expect(sizeOf(log)).toBe(length);
  // As after kill -9: the files as they are, without their last words.
  const crashed = await temporaryRoot();
  cpSync(root, crashed, { recursive: true });
  rmSync(join(crashed, "db", "moorage.sqlite-shm"), { force: true });
  expect(await (await storeAt(crashed)).users.count()).toBe(50);
  expect(sqliteFile(crashed).pragma("integrity_check", { simple: true })).toBe("ok");
});
