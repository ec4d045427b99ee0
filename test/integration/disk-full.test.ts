import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Desk, DONE } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorageWithin,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { SmallDisk, whyNoDisks } from "../support/small-disk.ts";
import { type CommandResult, sftp, ssh } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;

const reason = whyNoDisks();
if (reason !== undefined) console.warn(`no test with a real full disk: ${reason}`);

describe.skipIf(reason !== undefined)("a disk that is full", () => {
  let instance: EmptyInstance;
  let desk: Desk;
  let disk: SmallDisk;
  let server: SpawnedServer | undefined;

  beforeEach(async () => {
    desk = new Desk();
    instance = await openInstance([{ name: "ann", keys: [desk.key.public] }]);
    await instance.store.close();
  });

  afterEach(async () => {
    await server?.kill();
    server = undefined;
    await disk.remove();
    await instance.close();
    desk.clear();
  });

  async function start(): Promise<SpawnedServer> {
    server = await spawnServer(instance.root, [], { within: disk.within });
    return server;
  }

  function run(...commands: string[]): Promise<CommandResult> {
    return sftp(server as SpawnedServer, commands, { key: desk.keyFile });
  }

  /** What a command line says is wrong, line by line. */
  async function shell(line: string): Promise<string[]> {
    const { stderr } = await ssh(server as SpawnedServer, [line], { key: desk.keyFile });
    return stderr.trimEnd().split("\n");
  }

  function moorage(...args: string[]): Promise<CommandResult> {
    return moorageWithin(disk.within, instance.root, ...args);
  }

  const home = (name: string): string => disk.path("homes/ann", name);

  async function isFull(full: boolean): Promise<void> {
    await vi.waitFor(
      async () => {
        const { stdout } = await moorage("status", "--json");
        expect(JSON.parse(stdout).disk.full).toBe(full);
      },
      { timeout: 20_000, interval: 200 },
    );
  }

  async function usageEqualsDisk(): Promise<void> {
    const { stdout } = await moorage("usage", "ann", "--json");
    const { usedBytes, files } = JSON.parse(stdout);
    const names = readdirSync(disk.path("homes/ann"));
    const bytes = names.reduce((sum, name) => sum + statSync(home(name)).size, 0);
    expect({ usedBytes, files }).toEqual({ usedBytes: bytes, files: names.length });
  }

  test("full homes and database: log in, list, download and delete; then store again", async () => {
    disk = await SmallDisk.on(instance.root, 48 * MIB);
    await start();
    const kept = randomBytes(MIB);
    writeFileSync(desk.path("kept"), kept);
    writeFileSync(desk.path("gone"), randomBytes(3 * MIB));
    expect(await run(`put ${desk.path("kept")}`, `put ${desk.path("gone")}`)).toMatchObject(DONE);
    disk.fill();
    expect(disk.free).toBe(0);
    await isFull(true);

    expect((await run(`put ${desk.path("kept")} new`)).code).toBe(1);
    expect(await shell("mkdir d; cp kept copy")).toEqual([
      "mkdir: cannot create directory 'd': The server's disk is full: new data is refused until there is room",
      "cp: cannot create regular file 'copy': The server's disk is full: new data is refused until there is room",
    ]);
    // What was there is not emptied to be written anew.
    expect((await run(`put ${desk.path("gone")} kept`)).code).toBe(1);
    expect(readdirSync(disk.path("homes/ann")).sort()).toEqual(["gone", "kept"]);
    expect(readFileSync(home("kept")).equals(kept)).toBe(true);
    for (let round = 0; round < 20; round += 1) {
      disk.fill();
      const back = desk.path(`back-${round}`);
      expect(await run("ls -l", `get kept ${back}`)).toMatchObject(DONE);
      expect(readFileSync(back).equals(kept)).toBe(true);
    }
    const status = await moorage("status");
    expect(status.stdout).toMatch(/The disk is full: new data is refused/);
    await usageEqualsDisk();

    // What another program takes at once: only removing its own data is the user's way out.
    expect(await run("rename gone going", "rm going")).toMatchObject(DONE);
    expect(readdirSync(disk.path("homes/ann"))).toEqual(["kept"]);
    disk.drain();
    await isFull(false);
    expect(await run(`put ${desk.path("gone")} new`)).toMatchObject(DONE);
    await usageEqualsDisk();
    const log = (server as SpawnedServer).output();
    expect(log.match(/disk is full: new data is refused/g)).toHaveLength(1);
    expect(log.match(/room on the disk again/g)).toHaveLength(1);
  }, 120_000);

  test("only the database's disk is full: people work, and the server can be started again", async () => {
    disk = await SmallDisk.on(`${instance.root}/db`, 24 * MIB);
    await start();
    const data = randomBytes(MIB);
    writeFileSync(desk.path("kept"), data);
    writeFileSync(desk.path("gone"), data);
    expect(await run(`put ${desk.path("kept")}`, `put ${desk.path("gone")}`)).toMatchObject(DONE);
    disk.fill();
    expect(disk.free).toBe(0);
    await isFull(true);
    expect((await shell("touch new")).join()).toContain("The server's disk is full");
    for (let time = 0; time < 3; time += 1) {
      expect((await moorage("stop")).code).toBe(0);
      disk.fill();
      expect(disk.free).toBe(0);
      await start();
      disk.fill();
      expect(await run("ls -l", `get kept ${desk.path("back")}`)).toMatchObject(DONE);
    }
    await (server as SpawnedServer).kill();
    disk.fill();
    await start();
    expect(await run("rm gone")).toMatchObject(DONE);
    expect(existsSync(`${instance.root}/homes/ann/gone`)).toBe(false);
    disk.drain();
    await isFull(false);
    expect(await run(`put ${desk.path("kept")} new`)).toMatchObject(DONE);
    const { stdout } = await moorage("usage", "ann", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ usedBytes: 2 * MIB, files: 2 });
  }, 120_000);

  test("uploads end at the floor, however many there are at once; what fits is stored", async () => {
    disk = await SmallDisk.on(instance.root, 64 * MIB);
    await start();
    writeFileSync(desk.path("big"), randomBytes(30 * MIB));
    const puts = await Promise.all(
      Array.from({ length: 4 }, (_, n) => run(`put ${desk.path("big")} big-${n}`)),
    );
    const refused = puts.filter(({ code }) => code !== 0);
    expect(refused.length).toBeGreaterThanOrEqual(3);
    // A hundredth of the disk; the database's own files take a little of it.
    expect(disk.free).toBeGreaterThanOrEqual((64 * MIB) / 100 - MIB / 4);
    await usageEqualsDisk();
    expect((await shell("cp big-0 copy")).join()).toContain("The server's disk is full");
    expect(await run("rm big-*")).toMatchObject(DONE);
    await isFull(false);
    expect(await run(`put ${desk.path("big")}`)).toMatchObject(DONE);
    await usageEqualsDisk();
  }, 120_000);
});
