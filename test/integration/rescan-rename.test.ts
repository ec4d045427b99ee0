import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rescan } from "../../src/quota/rescan.ts";
import type { Account } from "../../src/store/types.ts";
import { fromText } from "../../src/vfs/path.ts";
import type { UserFileSystem } from "../../src/vfs/types.ts";
import { onDisk, PUT, TestInstance } from "../support/instance.ts";

const SIZE = 100_000;
const DIRECTORIES = 20;

let instance: TestInstance;
let ann: Account;
let home: UserFileSystem;

/** Directories with a large file each, and enough small ones for a rescan to take several turns. */
beforeEach(async () => {
  instance = await TestInstance.create();
  ann = await instance.addUser("ann", 1e9);
  home = await instance.home(ann);
  for (let at = 0; at < DIRECTORIES; at += 1) {
    await home.makeDirectory(fromText(`d${at}`));
    const file = await home.open(fromText(`d${at}/big`), PUT);
    await file.write([Buffer.alloc(SIZE)], SIZE, 0);
    await file.close();
    for (let n = 0; n < 80; n += 1) writeFileSync(instance.path("ann", `d${at}`, `f${n}`), "");
  }
});

afterEach(() => instance.close());

/** Rescans, and does that once while the walk is under way. */
async function rescanBeside(act: () => Promise<unknown>): Promise<void> {
  let done: Promise<unknown> | undefined;
  await rescan(instance.store, instance.root, ann, (entries) => {
    if (entries > 0) done ??= act();
  });
  expect(done).toBeDefined();
  await done;
  const { usedBytes, usedFiles } = await instance.store.ledger.usage(ann.id);
  expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(instance.path("ann")));
}

test("files are moved while a rescan walks: each is counted once", async () => {
  await rescanBeside(async () => {
    for (let at = 0; at < DIRECTORIES; at += 1) {
      await home.rename(fromText(`d${at}/big`), fromText(`big${at}`), false);
    }
  });
});

test("files change so that their sum stays, while a rescan walks", async () => {
  await rescanBeside(async () => {
    for (let at = 0; at < DIRECTORIES; at += 2) {
      const [less, more] = await Promise.all(
        [at, at + 1].map((n) => home.open(fromText(`d${n}/big`), { ...PUT, truncate: false })),
      );
      await less?.setStat({ size: SIZE - 100 });
      await more?.setStat({ size: SIZE + 100 });
      await less?.close();
      await more?.close();
    }
  });
});
