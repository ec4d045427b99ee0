import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { booksEqualDisk, booksGetExact } from "../support/books.ts";
import { chances, MixedLoad } from "../support/mixed-load.ts";
import {
  type EmptyInstance,
  moorage,
  moorageWithin,
  openInstance,
  PROGRAM,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { SmallDisk, whyNoDisks } from "../support/small-disk.ts";
import { makeKey, sftp } from "../support/ssh-client.ts";

const USERS = ["ann", "bob"];
const MIB = 1024 * 1024;
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6);
const random = chances(3);
const key = makeKey();

let directory: string;
let instance: EmptyInstance;
const servers: SpawnedServer[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "moorage-backups-"));
  const quotaBytes = 120 * MIB;
  instance = await openInstance(USERS.map((name) => ({ name, keys: [key.public], quotaBytes })));
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.kill();
  await instance.close();
  rmSync(directory, { recursive: true, force: true });
});

async function serve(root: string, workers = 1): Promise<SpawnedServer> {
  const server = await spawnServer(root, [], { workers });
  servers.push(server);
  return server;
}

async function json(root: string, ...args: string[]) {
  const { code, stdout, stderr } = await moorage(root, ...args, "--json");
  expect([args[0], code, stderr]).toEqual([args[0], 0, ""]);
  return JSON.parse(stdout);
}

/** Files that were written to or vanished are told, and are no failure. */
async function backUp(file: string, ...more: string[]) {
  const { code, stdout, stderr } = await moorage(instance.root, "backup", file, ...more, "--json");
  expect([code, stderr.replace(/^moorage: .*: (changed|vanished): .*\n/gm, "")]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

/** A restored instance that a server runs on is as exact as any. */
async function isExact(root: string): Promise<void> {
  const before = await json(root, "usage");
  expect(await json(root, "check", "--homes")).toMatchObject({ errors: 0 });
  expect(await json(root, "usage", "--rescan")).toEqual(before);
}

describe.each([1, 2])("with %i workers", (workers) => {
  test("backed up under a mixed load: restored elsewhere it is exact, and serves", async () => {
    expect(await moorage(instance.root, "folder", "add", "team")).toMatchObject({ code: 0 });
    const server = await serve(instance.root, workers);
    const loads = await Promise.all(
      USERS.map((user, at) => MixedLoad.start(server, user, key, at + 1)),
    );
    const files: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      await sleep(300);
      const file = join(directory, `${round}.tgz`);
      expect(await backUp(file, "--homes")).toMatchObject({ homes: true, unread: 0 });
      files.push(file);
    }
    await Promise.all(loads.map((load) => load.end()));
    for (const user of USERS) await booksGetExact(instance, { user });
    expect(server.output()).not.toContain("unexpected error");
    for (const [round, file] of files.entries()) {
      const root = join(directory, `root-${round}`);
      await json(root, "restore", file);
      await isExact(root);
      const other = await serve(root, workers);
      const keyFile = join(directory, "key");
      if (round === 0) writeFileSync(keyFile, key.private, { mode: 0o600 });
      const used = await sftp(other, ["ls -l", "mkdir new"], { key: keyFile });
      expect(used).toMatchObject({ code: 0 });
      await isExact(root);
    }
  }, 120_000);
});

test("host keys are the same, and settings; nobody is logged in", async () => {
  const server = await serve(instance.root);
  writeFileSync(join(instance.root, "moorage.toml"), "[limits]\nqueue = 7\n");
  const file = join(directory, "b.tgz");
  await backUp(file);
  const root = join(directory, "root");
  await json(root, "restore", file);
  expect(await json(root, "config", "check")).toMatchObject({ limits: { queue: 7 } });
  for (const name of readdirSync(join(instance.root, "keys"))) {
    const [before, after] = [instance.root, root].map((at) => join(at, "keys", name));
    expect(await moorageless("cmp", before as string, after as string)).toBe(0);
  }
  expect(await moorage(root, "status")).toMatchObject({ code: 3 });
  expect(server.output()).not.toContain("error");
});

test("through a pipe, from one instance into another", async () => {
  mkdirSync(join(instance.home("ann"), "d"), { recursive: true });
  writeFileSync(join(instance.home("ann"), "d", "f"), randomBytes(3 * MIB));
  const root = join(directory, "root");
  const line = '"$0" "$1" --root "$2" backup --homes - | "$0" "$1" --root "$3" restore -';
  const args = ["-c", line, process.execPath, PROGRAM, instance.root, root];
  expect(await moorageless("sh", ...args)).toBe(0);
  expect(await json(root, "usage")).toMatchObject([
    { name: "ann", usedBytes: 3 * MIB, files: 2 },
    {},
  ]);
});

/** The exit code of another program. */
function moorageless(program: string, ...args: string[]): Promise<number | null> {
  const child = spawn(program, args, { stdio: "ignore" });
  return new Promise((resolve) => child.once("exit", resolve));
}

/**
 * Runs the program until some time after `begun`, and kills it then.
 * @returns true when it had ended before
 */
async function killed(
  begun: () => boolean,
  afterMs: number,
  root: string,
  ...args: string[]
): Promise<boolean> {
  const child = spawn(process.execPath, [PROGRAM, "--root", root, ...args], { stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await vi.waitFor(() => expect(begun() || child.exitCode !== null).toBe(true), {
    timeout: 20_000,
    interval: 5,
  });
  await Promise.race([sleep(afterMs), ended]);
  child.kill("SIGKILL");
  return (await ended) === 0;
}

describe("kill -9 at any moment", () => {
  beforeEach(() => {
    for (const name of USERS) {
      for (let n = 0; n < 40; n += 1) {
        writeFileSync(join(instance.home(name), `${n}`), randomBytes(500_000));
      }
    }
  });

  test("of a backup: there is none, or a whole one; the next takes away what is left", async () => {
    await moorage(instance.root, "usage", "--rescan");
    const file = join(directory, "b.tgz");
    const begun = (): boolean => readdirSync(directory).some((name) => name.endsWith("partial"));
    for (let round = 0; round < ROUNDS; round += 1) {
      await killed(begun, random() * 1_000, instance.root, "backup", "--homes", "--force", file);
      if (existsSync(file)) {
        const root = join(directory, `root-${round}`);
        await json(root, "restore", file);
        await isExact(root);
        rmSync(root, { recursive: true });
      }
      for (const user of USERS) await booksEqualDisk(instance, user);
    }
    await backUp(file, "--homes", "--force");
    expect(readdirSync(directory)).toEqual(["b.tgz"]);
    expect(await json(instance.root, "check", "--homes")).toMatchObject({ errors: 0 });
  }, 120_000);

  test("of a restore: no instance starts there, and the directory says why", async () => {
    const file = join(directory, "b.tgz");
    await backUp(file, "--homes");
    let cut = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const root = join(directory, `root-${round}`);
      const isDone = await killed(() => existsSync(root), random() * 150, root, "restore", file);
      if (isDone) {
        await isExact(root);
        continue;
      }
      if (!existsSync(root) || readdirSync(root).length === 0) continue;
      cut += 1;
      expect(readdirSync(root)).toContain("RESTORE-UNFINISHED");
      for (const args of [["user", "add", "eve", "--generate"], ["serve"], ["usage"]]) {
        const { code, stderr } = await moorage(root, ...args);
        expect([code, stderr]).toEqual([1, expect.stringMatching(/did not finish/)]);
      }
      const again = await moorage(root, "restore", file);
      expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/did not finish/)]);
    }
    expect(cut).toBeGreaterThan(0);
  }, 120_000);
});

const reason = whyNoDisks();
if (reason !== undefined) console.warn(`no test with a real full disk: ${reason}`);

describe.skipIf(reason !== undefined)("a full disk", () => {
  let disk: SmallDisk;
  let small: string;

  beforeEach(async () => {
    writeFileSync(join(instance.home("ann"), "large"), randomBytes(20 * MIB));
    small = join(directory, "small");
    mkdirSync(small);
    disk = await SmallDisk.on(small, 10 * MIB);
  });

  afterEach(() => disk.remove());

  test("leaves no part of a backup", async () => {
    const file = join(small, "b.tgz");
    const made = await moorageWithin(disk.within, instance.root, "backup", "--homes", file);
    expect(made).toMatchObject({ code: 1, stdout: "" });
    expect(made.stderr).toBe("moorage: the disk for the backup is full: nothing was made there\n");
    expect(readdirSync(disk.path())).toEqual([]);
  });

  test("leaves a restore that says that it is not whole", async () => {
    const file = join(directory, "b.tgz");
    await backUp(file, "--homes");
    const root = join(small, "root");
    const made = await moorageWithin(disk.within, root, "restore", file);
    expect(made).toMatchObject({ code: 1, stdout: "" });
    expect(made.stderr).toMatch(/^moorage: the disk of .* is full: .*\n$/);
    expect(readdirSync(disk.path("root"))).toContain("RESTORE-UNFINISHED");
    const next = await moorageWithin(disk.within, root, "user", "list");
    expect([next.code, next.stderr]).toEqual([1, expect.stringMatching(/did not finish/)]);
  });
});

test("SIGTERM stops a backup and leaves nothing", async () => {
  writeFileSync(join(instance.home("ann"), "large"), randomBytes(30 * MIB));
  const file = join(directory, "b.tgz");
  const args = [PROGRAM, "--root", instance.root, "backup", "--homes", file];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await expect.poll(() => readdirSync(directory).length, { timeout: 10_000 }).toBeGreaterThan(0);
  child.kill("SIGTERM");
  expect(await ended).toBe(143);
  expect(readdirSync(directory)).toEqual([]);
});

test("what can't be read is named, counted, and an exit code of 1; the rest is restored", async () => {
  const home = instance.home("ann");
  for (const name of ["closed", "open"]) writeFileSync(join(home, name), "x");
  chmodSync(join(home, "closed"), 0o000);
  // Root reads everything.
  const other =
    process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups", "--"] : [];
  if (other.length > 0) {
    execFileSync("chown", ["-R", "65534", instance.root, directory]);
    chmodSync(directory, 0o777);
  }
  const file = join(directory, "b.tgz");
  const made = await moorageWithin(other, instance.root, "backup", "--homes", file);
  expect([made.code, made.stderr]).toEqual([
    1,
    "moorage: homes/ann/closed: not in the backup: EACCES\n",
  ]);
  const root = join(directory, "root");
  expect(await json(root, "restore", file)).toMatchObject({ files: 1, unread: 1 });
  await isExact(root);
});
