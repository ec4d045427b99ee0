import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { booksGetExact } from "../support/books.ts";
import { Desk, DONE } from "../support/desk.ts";
import { onDisk } from "../support/instance.ts";
import { Sampler } from "../support/sampler.ts";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import type { CommandResult } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;
/** Bytes of one WRITE of OpenSSH's sftp; up to 64 of them are under way at once. */
const REQUEST = 261_120;
const REFUSED = /^\s*write remote "\/f\d+": Failure\s*$/;
const CLIENTS = 12;

let instance: EmptyInstance;
let server: SpawnedServer;
let desk: Desk;
let users = 0;
let user: string;

beforeAll(async () => {
  desk = new Desk();
  instance = await openInstance([]);
  server = await spawnServer(instance.root);
  desk.target = server;
});

afterAll(async () => {
  await server.kill();
  await instance.close();
  desk.clear();
});

// Each test has a user of its own, and a directory of its own at the client's side.
beforeEach(() => {
  users += 1;
  user = `user${users}`;
  mkdirSync(desk.path(user));
});

afterEach(() => {
  expect(server.output()).not.toContain("unexpected error");
});

async function withQuota(quotaBytes: number): Promise<void> {
  await instance.addUser({ name: user, keys: [desk.key.public], quotaBytes });
}

function make(name: string, size: number): string {
  return desk.file(join(user, name), size);
}

function run(...commands: string[]): Promise<CommandResult> {
  return desk.sftp(commands, { user });
}

function disk(): { bytes: number; files: number } {
  return onDisk(instance.home(user));
}

function stored(name: string): Buffer {
  return readFileSync(join(instance.home(user), name));
}

test("many uploads at once that fit to the last byte: all succeed, the sum is the quota", async () => {
  const sizes = Array.from({ length: CLIENTS }, (_, i) => 2 * MIB + i * 131_071 + (i % 3));
  const quota = sizes.reduce((sum, size) => sum + size);
  await withQuota(quota);
  const files = sizes.map((size, i) => make(`f${i}`, size));
  const sampler = new Sampler(instance.home(user));
  const results = await Promise.all(files.map((file) => run(`put ${file}`)));
  expect(await sampler.stop()).toBeLessThanOrEqual(quota);
  for (const result of results) expect(result).toMatchObject(DONE);
  expect(disk()).toEqual({ bytes: quota, files: CLIENTS });
  for (const [i, file] of files.entries()) {
    expect(stored(`f${i}`).equals(readFileSync(file))).toBe(true);
  }
  await booksGetExact(instance, { user });
});

test("many uploads at once at the last bytes: never over, nothing left unused, all resume", async () => {
  const quota = 16 * MIB + 4_321;
  await withQuota(quota);
  const files = Array.from({ length: CLIENTS }, (_, i) => make(`f${i}`, 2 * MIB + i));
  const sampler = new Sampler(instance.home(user));
  const results = await Promise.all(files.map((file) => run(`put ${file}`)));
  expect(await sampler.stop()).toBeLessThanOrEqual(quota);
  const { bytes } = disk();
  expect(bytes).toBeLessThanOrEqual(quota);
  // Whoever was refused had asked for no more than this.
  expect(quota - bytes).toBeLessThan(REQUEST);
  const cut = results.flatMap(({ code }, i) => (code === 0 ? [] : [i]));
  expect(cut.length).toBeGreaterThan(0);
  for (const i of cut) {
    expect(results[i]).toMatchObject({ code: 1, stderr: expect.stringMatching(REFUSED) });
    const kept = stored(`f${i}`);
    expect(
      readFileSync(files[i] as string)
        .subarray(0, kept.length)
        .equals(kept),
    ).toBe(true);
  }
  await booksGetExact(instance, { user });

  await instance.control.set(user, { quotaBytes: CLIENTS * (2 * MIB + CLIENTS) });
  await Promise.all(
    cut.map(async (i) => expect(await run(`reput ${files[i]} f${i}`)).toMatchObject(DONE)),
  );
  for (const [i, file] of files.entries()) {
    expect(stored(`f${i}`).equals(readFileSync(file))).toBe(true);
  }
  await booksGetExact(instance, { user });
});

test("at the last 25 bytes 25 of 80 files of one byte find room", async () => {
  await withQuota(MIB + 25);
  expect(await run(`put ${make("base", MIB)}`)).toMatchObject(DONE);
  const one = make("one", 1);
  const sampler = new Sampler(instance.home(user));
  await Promise.all(
    Array.from({ length: 8 }, (_, i) => {
      return run(...Array.from({ length: 10 }, (_, j) => `-put ${one} f${i}-${j}`));
    }),
  );
  expect(await sampler.stop()).toBe(MIB + 25);
  expect(disk()).toEqual({ bytes: MIB + 25, files: 81 });
  await booksGetExact(instance, { user });
});

test("a slow upload that holds room ahead takes nothing from others that fit", async () => {
  await withQuota(60 * MIB);
  const slow = make("slow", 16 * MIB);
  const upload = desk.startSftp([`put ${slow}`], { user, options: ["-l", "50000"] });
  const path = join(instance.home(user), "slow");
  await vi.waitFor(() => expect(statSync(path).size).toBeGreaterThan(MIB), { timeout: 10_000 });
  const files = Array.from({ length: 4 }, (_, i) => make(`f${i}`, 11 * MIB));
  const results = await Promise.all(files.map((file) => run(`put ${file}`)));
  for (const result of results) expect(result).toMatchObject(DONE);
  expect(await upload.result).toMatchObject(DONE);
  expect(disk()).toEqual({ bytes: 60 * MIB, files: 5 });
  await booksGetExact(instance, { user });
});

test("uploads that replace, remove and rename at a full quota: the books stay exact", async () => {
  const quota = 12 * MIB;
  await withQuota(quota);
  const names = Array.from({ length: 6 }, (_, i) => `f${i}`);
  const full = names.map((name) => make(name, 2 * MIB));
  expect(await run(...full.map((file) => `put ${file}`))).toMatchObject(DONE);
  expect(disk().bytes).toBe(quota);
  const { id } = (await instance.store.users.byName(user)) as { id: number };
  let ended = false;
  const watching = (async () => {
    let most = 0;
    for (; !ended; await setImmediate()) {
      most = Math.max(most, (await instance.store.ledger.usage(id)).usedBytes);
    }
    return most;
  })();
  const larger = make("larger", 3 * MIB);
  await Promise.all(
    names.map((name, i) => {
      const fresh = [`-put ${larger} new${i}`, `-rename new${i} ${name}`, `-put ${larger} ${name}`];
      return run(...fresh, `-rm ${name}`, `-put ${full[i]} ${name}`, `-ln ${name} second${i}`);
    }),
  );
  ended = true;
  expect(await watching).toBeLessThanOrEqual(quota);
  expect(disk().bytes).toBeLessThanOrEqual(quota);
  await booksGetExact(instance, { user });
});

test("a user at the limit takes nothing from another", async () => {
  await withQuota(MIB);
  const limited = user;
  const large = make("f0", 8 * MIB);
  await instance.addUser({ name: "other", keys: [desk.key.public], quotaBytes: 8 * MIB });
  const [refused, other, again] = await Promise.all([
    run(`put ${large}`),
    desk.sftp([`put ${large}`], { user: "other" }),
    run(`put ${large} f1`),
  ]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(REFUSED) });
  expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(REFUSED) });
  expect(other).toMatchObject(DONE);
  expect(onDisk(instance.home("other")).bytes).toBe(8 * MIB);
  expect(onDisk(instance.home(limited)).bytes).toBeLessThanOrEqual(MIB);
  await booksGetExact(instance, { user });
});
