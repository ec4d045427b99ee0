import { rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { recover } from "../../../src/quota/recover.ts";
import type { MachineOptions } from "../../../src/store/life.ts";
import type { Account } from "../../../src/store/types.ts";
import { Evidence } from "../../../src/vfs/evidence.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { inDatabase } from "../../support/books.ts";
import { onDisk, PUT, TestInstance, WRITE } from "../../support/instance.ts";
import { rawDatabase } from "../store/instance.ts";

const LEASE = 60_000;

let here: TestInstance;
let there: TestInstance;
let ann: Account;
let hers: UserFileSystem;

function machine(name: string): MachineOptions {
  return { machine: name, host: name, leaseMs: LEASE };
}

beforeEach(async () => {
  here = await TestInstance.create({ holds: true, quietMs: 0, machine: machine("here") });
  there = await here.another({ holds: true, quietMs: 0, machine: machine("there") });
  ann = await here.addUser("ann", 1_000_000);
  hers = await there.home(ann);
});

afterEach(async () => {
  await there.close().catch(() => undefined);
  await here.close();
});

/** The lease of the machine `there` is over, as the database's clock sees it. */
async function silence(): Promise<void> {
  (await rawDatabase(here.root))
    .prepare("UPDATE nodes SET renewed_at = renewed_at - ? WHERE id = ?")
    .run(LEASE, there.store.nodeId);
}

function recoverAll(): Promise<void> {
  return recover(here.store, new Evidence(here.store.ledger));
}

async function put(home: UserFileSystem, name: string, text: string): Promise<void> {
  const file = await home.open(fromText(name), PUT);
  await file.write([Buffer.from(text)], text.length, 0);
  await file.close();
}

/** What is written down of the other machine is in no file here. */
function loseNotes(): void {
  const { nodeId } = there.store;
  for (const kind of ["journal", "intent"])
    rmSync(`${here.root}/db/${kind}-${nodeId}`, { force: true });
}

test("a process of another machine lives as long as it renews, whatever /proc shows here", async () => {
  const [node] = (await here.store.nodes.list()).filter(({ host }) => host === "there");
  expect(node).toMatchObject({ alive: true, isHere: false });
  (await rawDatabase(here.root))
    .prepare("UPDATE nodes SET boot_id = 'another', pid = 1 WHERE id = ?")
    .run(there.store.nodeId);
  expect(await here.store.nodes.dead()).toEqual([]);
  await silence();
  expect((await here.store.nodes.dead()).map(({ id }) => id)).toEqual([there.store.nodeId]);
});

test("one that renews at the last moment is not given up", async () => {
  await silence();
  expect(await here.store.nodes.dead()).toHaveLength(1);
  (await rawDatabase(here.root))
    .prepare("UPDATE nodes SET renewed_at = renewed_at + ? WHERE id = ?")
    .run(LEASE, there.store.nodeId);
  expect(await here.store.nodes.giveUp(there.store.nodeId)).toBe(false);
  await put(hers, "a", "four");
});

test("what a lost machine held is counted, without its journal", async () => {
  await put(hers, "a", "four");
  await there.store.leases.exact();
  await put(hers, "b", "hello");
  const open = await hers.open(fromText("c"), PUT);
  await open.write([Buffer.alloc(100_000)], 100_000, 0);
  expect(there.ledger.holds(ann.id)).toBe(true);
  loseNotes();
  await silence();
  await recoverAll();
  expect(await inDatabase(here.store)).toEqual(onDisk(here.path("ann")));
  expect((await here.store.nodes.list()).map(({ id }) => id)).toEqual([here.store.nodeId]);
});

test("from then on it can't renew, and writes nothing", async () => {
  const open = await hers.open(fromText("a"), PUT);
  await open.write([Buffer.from("before")], 6, 0);
  await silence();
  await recoverAll();
  there.store.life.renew(() => false);
  await expect(open.write([Buffer.from("after")], 5, 6)).rejects.toMatchObject({ code: "EIO" });
  await expect(hers.makeDirectory(fromText("d"))).rejects.toThrow("lost touch");
  await expect(hers.setStat(fromText("a"), { permissions: 0o600 }, true)).rejects.toThrow();
  expect(onDisk(here.path("ann"))).toEqual({ bytes: 6, files: 1 });
  expect(await inDatabase(here.store)).toEqual({ bytes: 6, files: 1 });
});

test("whoever needs a lost machine's home has it counted first, and no other", async () => {
  const bob = await here.addUser("bob", 1_000_000);
  await put(hers, "a", "four");
  await put(await there.home(bob), "b", "hello");
  loseNotes();
  await silence();
  const mine = await here.home(ann);
  await put(mine, "mine", "12");
  expect(here.store.leases.holderOf(bob.id)).toBe(there.store.nodeId);
  await here.store.leases.exact(ann.id);
  expect(await inDatabase(here.store)).toEqual({ bytes: 6, files: 2 });
});

test("a shared home in which a lost machine left something unbooked is counted", async () => {
  const mine = await here.home(ann);
  await put(mine, "mine", "12");
  await put(hers, "theirs", "four");
  await here.store.leases.share(ann.id);
  await put(hers, "theirs", "three");
  // Made, and the machine was gone before it could book that.
  writeFileSync(here.path("ann", "unbooked"), "1234567");
  const open = await mine.open(fromText("mine"), WRITE);
  loseNotes();
  await silence();
  await recoverAll();
  await open.close();
  await here.store.leases.exact(ann.id);
  expect(await inDatabase(here.store)).toEqual(onDisk(here.path("ann")));
});

test("a process that died on this machine is taken back by its journal, however long ago", async () => {
  const same = await here.another({ holds: true, quietMs: 0, machine: machine("here") });
  await same.vanish();
  (await rawDatabase(here.root))
    .prepare("UPDATE nodes SET renewed_at = 0 WHERE id = ?")
    .run(same.store.nodeId);
  expect(await here.store.nodes.dead()).toEqual([]);
  await same.close();
});

test("a process that lost touch a moment ago judges nobody", async () => {
  await silence();
  const { life } = here.store;
  Object.defineProperty(life, "isSteady", { value: false });
  await recoverAll();
  expect(await here.store.nodes.list()).toHaveLength(2);
});
