import { afterEach, beforeEach, expect, test } from "vitest";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { onDisk, PUT, READ, TestInstance } from "../../support/instance.ts";

/** Takes seconds to copy, and no more of the disk than that should a copy not end. */
const HUGE = 8_000_000_000;

let instance: TestInstance;
let account: Account;
let home: UserFileSystem;

beforeEach(async () => {
  instance = await TestInstance.create();
  account = await instance.addUser("ann", null);
  home = await instance.home(account);
});

afterEach(() => instance.close());

async function sparse(name: string, size: number): Promise<void> {
  const file = await home.open(fromText(name), PUT);
  await file.setStat({ size });
  await file.close();
}

test.each([
  ["a part", 1],
  ["the whole", 0],
])("copying %s of a huge file ends when the target is closed", async (_, from) => {
  await sparse("source", HUGE);
  const source = await home.open(fromText("source"), READ);
  const target = await home.open(fromText("target"), PUT);
  const copying = home.copy(source, from, 0, target, 0);
  copying.catch(() => {});
  while ((await target.stat()).size === 0) await new Promise((resolve) => setImmediate(resolve));
  await target.close();
  await expect(copying).rejects.toThrow("EBADF");
  await source.close();
  const { usedBytes } = await instance.ledger.exactUsage(account.id);
  expect(usedBytes).toBe(onDisk(instance.path("ann")).bytes);
});

test("many copies of whole files at once are all done, and charged as what they are", async () => {
  const size = 1_000_000;
  await sparse("source", size);
  const source = await home.open(fromText("source"), READ);
  const copies = Array.from({ length: 6 }, async (_, i) => {
    const target = await home.open(fromText(`copy${i}`), PUT, 0o640);
    expect(await home.copy(source, 0, 0, target, 0)).toBe(size);
    expect((await target.stat()).mode & 0o777).toBe(0o640);
    await target.close();
  });
  await Promise.all(copies);
  await source.close();
  expect(await instance.ledger.usage(account.id)).toMatchObject({ usedBytes: 7 * size });
  expect(onDisk(instance.path("ann")).bytes).toBe(7 * size);
});

const MIB = 1024 * 1024;

async function change(name: string, size: number): Promise<void> {
  await home.setStat(fromText(name), { size }, true);
}

/** Copies "source" to "target", and calls `meanwhile` when so many bytes are copied. */
async function copyWhile(at: number, meanwhile: () => Promise<void>): Promise<number> {
  const source = await home.open(fromText("source"), READ);
  const target = await home.open(fromText("target"), PUT);
  let done = 0;
  let changed: Promise<void> | undefined;
  const copied = await home.copy(source, 0, 0, target, 0, (bytes) => {
    done += bytes;
    if (done - bytes < at && done >= at) changed = meanwhile();
  });
  expect(done).toBe(copied);
  expect((await target.stat()).size).toBe(copied);
  // Nothing stays reserved for what did not come, also before the files are closed: then the source
  // counts as what it was when it was opened.
  expect((await instance.ledger.usage(account.id)).usedBytes).toBe(20 * MIB + copied);
  await Promise.all([changed, target.close(), source.close()]);
  const { usedBytes } = await instance.ledger.usage(account.id);
  expect(usedBytes).toBe(onDisk(instance.path("ann")).bytes);
  return copied;
}

test("a copy of a file that gets shorter meanwhile ends there, and is charged what it is", async () => {
  await sparse("source", 20 * MIB);
  expect(await copyWhile(5 * MIB, () => change("source", 7 * MIB + 5))).toBe(7 * MIB + 5);
});

test("a copy of a file that gets shorter than what was copied ends at once", async () => {
  await sparse("source", 20 * MIB);
  const copied = await copyWhile(9 * MIB, () => change("source", 0));
  expect(copied).toBeGreaterThanOrEqual(9 * MIB);
  expect(copied).toBeLessThanOrEqual(10 * MIB);
});

test("a copy of a file that grows all the time ends where the file ended when it began", async () => {
  await sparse("source", 6 * MIB);
  const source = await home.open(fromText("source"), READ);
  const target = await home.open(fromText("target"), PUT);
  let size = 6 * MIB;
  const changes: Promise<void>[] = [];
  const copied = await home.copy(source, 0, 0, target, 0, () => {
    size += 2 * MIB;
    changes.push(change("source", size));
  });
  await Promise.all(changes);
  expect(copied).toBe(6 * MIB);
  await target.close();
  await source.close();
});

test("a copy that does not fit is refused before a byte of it is written", async () => {
  await instance.store.users.set(account.id, { quotaBytes: 30 * MIB });
  await sparse("source", 20 * MIB);
  const source = await home.open(fromText("source"), READ);
  const target = await home.open(fromText("target"), PUT);
  await expect(home.copy(source, 0, 0, target, 0)).rejects.toMatchObject({ code: "EDQUOT" });
  expect((await target.stat()).size).toBe(0);
  await target.close();
  await source.close();
  expect((await instance.ledger.usage(account.id)).usedBytes).toBe(20 * MIB);
});

test("closing the source ends a copy, too", async () => {
  await sparse("source", HUGE);
  const source = await home.open(fromText("source"), READ);
  const target = await home.open(fromText("target"), PUT);
  const copying = home.copy(source, 0, 0, target, 0, () => void source.close());
  await expect(copying).rejects.toMatchObject({ code: "EBADF" });
  await target.close();
  expect((await instance.ledger.usage(account.id)).usedBytes).toBe(
    onDisk(instance.path("ann")).bytes,
  );
});
