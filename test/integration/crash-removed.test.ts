import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { recover } from "../../src/quota/recover.ts";
import { rescan } from "../../src/quota/rescan.ts";
import type { Account } from "../../src/store/types.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { fromText } from "../../src/vfs/path.ts";
import { inodeKey } from "../../src/vfs/proc.ts";
import type { OpenFlags } from "../../src/vfs/types.ts";
import { onDisk, TestInstance } from "../support/instance.ts";
import { environmentOf } from "../support/store-engine.ts";

const PROGRAM = fileURLToPath(new URL("../support/dying-process.mjs", import.meta.url));
const FLAGS: OpenFlags = {
  read: true,
  write: true,
  append: false,
  create: true,
  truncate: false,
  exclusive: false,
};
const SIZE = 300_000;

let instance: TestInstance;
let ann: Account;

beforeEach(async () => {
  instance = await TestInstance.create();
  ann = await instance.addUser("ann", 10_000_000);
  const home = await instance.home(ann);
  for (const name of ["kept", "gone"]) {
    const file = await home.open(fromText(name), FLAGS);
    await file.write([Buffer.alloc(SIZE)], SIZE, 0);
    await file.close();
  }
});

afterEach(() => instance.close());

async function start(
  ...what: ["open" | "remove" | "rename" | "stale", ...paths: string[]]
): Promise<ChildProcess> {
  return spawn(process.execPath, [PROGRAM, instance.root, "ann", ...what], {
    stdio: ["ignore", "pipe", "inherit"],
    env: await environmentOf(instance.root),
  });
}

/** Another process does that and is killed before it is in the books. */
async function withoutBooking(
  ...what: ["remove" | "rename" | "stale", ...paths: string[]]
): Promise<void> {
  const [, signal] = await once(await start(...what), "exit");
  expect(signal).toBe("SIGKILL");
}

const removedWithoutBooking = (): Promise<void> => withoutBooking("remove", "/gone");

async function expectExact(): Promise<void> {
  const { usedBytes, usedFiles } = await instance.store.ledger.usage(ann.id);
  expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(instance.path("ann")));
}

test("a file is closed that a dead process removed: its bytes are given back once", async () => {
  const home = await instance.home(ann);
  const file = await home.open(fromText("gone"), FLAGS);
  await removedWithoutBooking();
  await file.close();
  await home.makeDirectory(fromText("later"));
  await recover(instance.store, new Evidence(instance.store.ledger));
  await expectExact();
});

test("both are dead, who had it open and who removed it: its bytes are given back once", async () => {
  const opener = await start("open", "/gone");
  await once(opener.stdout as NonNullable<typeof opener.stdout>, "data");
  await removedWithoutBooking();
  opener.kill("SIGKILL");
  await once(opener, "exit");
  await recover(instance.store, new Evidence(instance.store.ledger));
  await expectExact();
  expect(await instance.store.nodes.dead()).toEqual([]);
});

test("a home is counted after a dead process removed a file: it is taken off once", async () => {
  await removedWithoutBooking();
  writeFileSync(instance.path("ann", "by other means"), "x");
  await rescan(instance.store, instance.root, ann);
  await recover(instance.store, new Evidence(instance.store.ledger));
  await expectExact();
});

test("one dies after a removal, the next after putting another name of the file there: both count", async () => {
  const home = await instance.home(ann);
  await home.hardLink(fromText("gone"), fromText("other"));
  await removedWithoutBooking();
  await withoutBooking("rename", "/other", "/gone");
  await recover(instance.store, new Evidence(instance.store.ledger));
  await expectExact();
});

test("one dies after a rename, the next after moving the file on: both count", async () => {
  await withoutBooking("rename", "/gone", "/kept");
  await withoutBooking("rename", "/kept", "/moved");
  await withoutBooking("remove", "/moved");
  await recover(instance.store, new Evidence(instance.store.ledger));
  await expectExact();
});

test.each(["before", "after"])(
  "the directory of a file is moved as its removal waits, and the process dies %s it",
  async (when) => {
    const home = await instance.home(ann);
    await home.makeDirectory(fromText("d"));
    await home.rename(fromText("gone"), fromText("d/gone"), false);
    await home.rename(fromText("d"), fromText("e"), false);
    await withoutBooking("stale", "/d/gone", "/e/gone", when);
    await recover(instance.store, new Evidence(instance.store.ledger));
    await expectExact();
  },
);

test("every change of entries says in which directory it is", async () => {
  const home = await instance.home(ann);
  await home.makeDirectory(fromText("d"));
  const inside: (string | undefined)[] = [];
  const { ledger } = instance.store;
  const { create, remove } = ledger;
  ledger.create = (...all) => {
    inside.push(all[4]);
    return create.apply(ledger, all);
  };
  ledger.remove = (...all) => {
    inside.push(all[4]);
    return remove.apply(ledger, all);
  };
  const d = inodeKey(lstatSync(instance.path("ann", "d"), { bigint: true }));
  await (await home.open(fromText("d/f"), FLAGS)).close();
  await home.makeDirectory(fromText("d/g"));
  await home.symlink(fromText("f"), fromText("d/l"));
  await home.hardLink(fromText("d/f"), fromText("d/h"));
  await home.remove(fromText("d/f"));
  await home.removeDirectory(fromText("d/g"));
  expect(inside).toEqual(Array(6).fill(d));
});
