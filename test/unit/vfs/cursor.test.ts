import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AuditedFileSystem } from "../../../src/session/audited.ts";
import type { FileEvent } from "../../../src/session/audited-file.ts";
import { Evidence } from "../../../src/vfs/evidence.ts";
import { fromText, MAX_PATH_BYTES, toBuffer } from "../../../src/vfs/path.ts";
import { inodeKey } from "../../../src/vfs/proc.ts";
import type { Cursor, UserFileSystem } from "../../../src/vfs/types.ts";
import { walk } from "../../../src/vfs/walk.ts";
import { onDisk, PUT, READ, TestInstance } from "../../support/instance.ts";

const D = fromText("d");
const NEW = fromText("new");

let instance: TestInstance;
let home: UserFileSystem;
let userId: number;

beforeEach(async () => {
  instance = await TestInstance.create();
  const account = await instance.addUser("ann", null);
  userId = account.id;
  home = await instance.home(account);
});

afterEach(async () => {
  // Node's own way to remove a tree is not made for such depths.
  execFileSync("rm", ["-rf", instance.path("ann")]);
  await instance.close();
});

const fds = () => readdirSync("/proc/self/fd").length;

/** Makes d/d/… and stands at its bottom. */
async function descend(levels: number, fs: UserFileSystem = home): Promise<Cursor> {
  await fs.makeDirectory(D);
  const cursor = await fs.walkFrom(D);
  for (let level = 1; level < levels; level += 1) {
    await cursor.fs.makeDirectory(D);
    await cursor.enter(D);
  }
  return cursor;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (thrown) => thrown.code,
  );
}

async function expectExact(): Promise<void> {
  const { usedBytes, usedFiles } = await instance.ledger.usage(userId);
  expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(instance.path("ann")));
}

test("a cursor goes down and up in a few descriptors, and everything can be done where it stands", async () => {
  await home.makeDirectory(NEW);
  await home.removeDirectory(NEW);
  const before = fds();
  const cursor = await descend(3000);
  expect(fds()).toBeLessThan(before + 20);
  const { fs } = cursor;
  const file = await fs.open(NEW, { ...PUT, read: true });
  await file.write([Buffer.from("content")], 7, 0);
  await file.close();
  await fs.symlink(NEW, fromText("link"));
  await fs.setStat(NEW, { permissions: 0o600 }, true);
  expect(await fs.stat(NEW)).toMatchObject({ size: 7, mode: 0o100600 });
  expect(await fs.readLink(fromText("link"))).toBe("new");
  const directory = await fs.openDirectory(fromText("."));
  const names = (await directory.next(10)).map(({ name }) => name);
  await directory.close();
  expect(names.sort()).toEqual([".", "..", "link", "new"]);
  await expectExact();
  await fs.remove(NEW);
  await fs.remove(fromText("link"));
  for (let level = 2999; level > 0; level -= 1) {
    await cursor.leave();
    await cursor.fs.removeDirectory(D);
  }
  await cursor.close();
  await home.removeDirectory(D);
  expect(readdirSync(instance.path("ann"))).toEqual([]);
  expect(fds()).toBe(before);
  await expectExact();
});

test("a cursor takes one name at a time, and a path from the home", async () => {
  const cursor = await descend(3);
  mkdirSync(instance.path("ann", "other"));
  for (const name of ["..", "d/..", "", "a/b"]) {
    expect(await refusal(cursor.fs.lstat(fromText(name)))).toBe("EINVAL");
    expect(await refusal(cursor.enter(fromText(name)))).toBe("EINVAL");
  }
  expect(await refusal(cursor.fs.lstat(fromText("/other")))).toBe("done");
  expect(await refusal(cursor.fs.rename(fromText("/other"), NEW, false))).toBe("EINVAL");
  expect(await refusal(cursor.leave())).toBe("done");
  await cursor.leave();
  expect(await refusal(cursor.leave())).toBe("EINVAL");
  await cursor.close();
  expect(await refusal(cursor.fs.lstat(D))).toBe("EBADF");
});

test("a directory that is moved out of the home doesn't lead a cursor out of it", async () => {
  const cursor = await descend(30);
  // Somebody with the machine's own rights moves what is in between.
  const inner = instance.path("ann", ...Array(10).fill("d"));
  renameSync(inner, `${instance.root}/outside`);
  writeFileSync(`${instance.root}/secret`, "secret");
  for (let level = 29; level > 9; level -= 1) await cursor.leave();
  expect(await refusal(cursor.leave())).toBe("EBUSY");
  expect(await refusal(cursor.fs.open(fromText("secret"), READ))).toBe("EBUSY");
  await cursor.close();
});

test("a link is followed from where it stands, not into circles and not out", async () => {
  const cursor = await descend(3);
  const at = instance.path("ann", "d/d/d");
  symlinkSync("../../target", `${at}/up`);
  symlinkSync("/../../../etc", `${at}/out`);
  mkdirSync(instance.path("ann", "d/target/in"), { recursive: true });
  expect(await refusal(cursor.enter(fromText("up")))).toBe("ENOTDIR");
  await cursor.enter(fromText("up"), true);
  expect(cursor.where(fromText("in"))).toBe("/d/target/in");
  await cursor.enter(fromText("in"));
  await cursor.leave();
  await cursor.leave();
  expect(cursor.where(fromText("up"))).toBe("/d/d/d/up");
  expect(await refusal(cursor.fs.stat(fromText("out")))).toBe("ENOENT");
  symlinkSync(".", `${at}/self`);
  let entered = 0;
  while ((await refusal(cursor.enter(fromText("self"), true))) === "done") entered += 1;
  expect(entered).toBe(40);
  for (; entered > 0; entered -= 1) await cursor.leave();
  await cursor.leave();
  await cursor.close();
});

test("what is recorded of a deep tree has short paths", async () => {
  const events: FileEvent[] = [];
  const audited = new AuditedFileSystem(home, (event) => events.push(event));
  const cursor = await descend(2500, audited);
  await cursor.fs.makeDirectory(fromText("last"));
  await cursor.close();
  expect(events[1]).toMatchObject({ kind: "mkdir", path: "/d/d" });
  expect(events.at(-1)?.path).toMatch(/^(\/d){100,128}\/…\/last$/);
});

test("after a crash an entry is found by its directory where its path is not enough", async () => {
  const cursor = await descend(2500);
  let inside = "";
  for (const found of walk(instance.path("ann"))) {
    if (found?.stat.isDirectory()) inside = inodeKey(found.stat);
  }
  const path = toBuffer(cursor.where(NEW));
  expect(path.length).toBeLessThan(MAX_PATH_BYTES);
  const evidence = new Evidence(instance.store.ledger);
  const intent = { number: 1, userId, path, inside } as const;
  const made = (): boolean => evidence.happened({ ...intent, kind: "create" }, "ann");
  expect(made()).toBe(false);
  // A name of the same text elsewhere is not it.
  const decoy = path.toString("utf8");
  mkdirSync(instance.path("ann", decoy.slice(1)), { recursive: true });
  const decoyInode = inodeKey(statSync(instance.path("ann", decoy.slice(1)), { bigint: true }));
  expect(made()).toBe(false);
  await cursor.fs.makeDirectory(NEW);
  expect(made()).toBe(true);
  let inode = "";
  for (const found of walk(instance.path("ann"))) {
    const key = found?.host.toString().endsWith("/new") ? inodeKey(found.stat) : decoyInode;
    if (key !== decoyInode) inode = key;
  }
  const victim = { inode, size: 0 };
  const removed = (): boolean => evidence.happened({ ...intent, kind: "remove", victim }, "ann");
  expect(removed()).toBe(false);
  await cursor.fs.removeDirectory(NEW);
  expect(removed()).toBe(true);
  await cursor.close();
});
