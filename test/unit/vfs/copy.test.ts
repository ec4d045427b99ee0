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
