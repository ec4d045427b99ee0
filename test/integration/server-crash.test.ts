import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { inBooks, inDatabase } from "../support/books.ts";
import { Desk, tree } from "../support/desk.ts";
import { onDisk } from "../support/instance.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import type { RunningCommand } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;
const QUOTA = 600 * MIB;
const LARGE = 60 * MIB;
const SLOW = 12 * MIB + 345;
const SMALL_FILES = 120;

/**
 * When the server is killed: so many bytes after the uploads began to arrive, then so many
 * milliseconds later.
 */
const MOMENTS: readonly (readonly [bytes: number, delay: number])[] = [
  [0, 0],
  [1, 0],
  [1, 7],
  [100_000, 0],
  [MIB, 3],
  [3 * MIB, 0],
  [6 * MIB, 11],
  [12 * MIB, 0],
  [20 * MIB, 5],
  [40 * MIB, 0],
];

let instance: EmptyInstance;
let desk: Desk;
let server: SpawnedServer | undefined;

beforeAll(async () => {
  desk = new Desk();
  const user = { name: "ann", keys: [desk.key.public], quotaBytes: QUOTA };
  instance = await openInstance([user]);
  desk.file("large", LARGE);
  desk.file("slow", SLOW);
  desk.file("replacing", 3 * MIB);
  mkdirSync(desk.path("many"));
  for (let i = 0; i < SMALL_FILES; i += 1) {
    writeFileSync(desk.path("many", `f${i}`), Buffer.alloc(4096 + i, i));
  }
});

afterAll(async () => {
  await server?.kill();
  await instance.close();
  desk.clear();
});

async function start(): Promise<SpawnedServer> {
  server = await spawnServer(instance.root);
  desk.target = server;
  return server;
}

function usage(): Promise<{ bytes: number; files: number }> {
  return inBooks(instance.store);
}

function disk(): { bytes: number; files: number } {
  return onDisk(instance.home("ann"));
}

/** Several uploads at once: large, many small, slow with room reserved ahead, over an old file. */
function upload(round: number): RunningCommand[] {
  const [large, slow, replacing] = ["large", "slow", "replacing"].map((name) => desk.path(name));
  return [
    desk.startSftp([`put ${large} large-${round}`]),
    desk.startSftp([`put ${slow} slow-${round}`], { options: ["-l", "8000"] }),
    desk.startSftp([`put ${replacing} replaced`, "rename replaced again", "rename again replaced"]),
    desk.startSftp([`put -r ${desk.path("many")} many-${round}`]),
  ];
}

/** Uploads what was cut off: the rest of what is there in part, all of what is not there. */
async function complete(name: string, source: string): Promise<void> {
  const stored = join(instance.home("ann"), name);
  const size = existsSync(stored) ? statSync(stored).size : undefined;
  const whole = readFileSync(desk.path(source));
  const kept = size === undefined ? Buffer.alloc(0) : readFileSync(stored);
  // What the server has stored is right as far as it goes.
  expect(whole.subarray(0, kept.length).equals(kept)).toBe(true);
  if (size !== whole.length) {
    const how = size === undefined ? "put" : "reput";
    const result = await desk.sftp([`${how} ${desk.path(source)} ${name}`]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
  }
  expect(readFileSync(stored).equals(whole)).toBe(true);
}

async function killDuringUploads(round: number, bytes: number, delay: number): Promise<void> {
  const running = await start();
  const before = disk().bytes;
  const uploads = upload(round);
  await vi.waitFor(() => expect(disk().bytes - before).toBeGreaterThanOrEqual(bytes), {
    timeout: 20_000,
    interval: 1,
  });
  await sleep(delay);
  await running.kill();
  // The slow one can't have ended.
  const codes = (await Promise.all(uploads.map(({ result }) => result))).map(({ code }) => code);
  expect(codes[1]).not.toBe(0);
}

test("kill -9 during uploads, again and again: usage equals the disk, and uploads go on", async () => {
  let untold = 0;
  for (const [round, [bytes, delay]] of MOMENTS.entries()) {
    await killDuringUploads(round, bytes, delay);
    if ((await inDatabase(instance.store)).bytes !== disk().bytes) untold += 1;
    if (round % 2 === 1) {
      // Without a server the command line settles the books itself.
      const { stdout } = await moorage(instance.root, "usage", "ann", "--json");
      const { usedBytes, files } = JSON.parse(stdout) as { usedBytes: number; files: number };
      expect({ round, bytes: usedBytes, files }).toEqual({ round, ...disk() });
    }
    const running = await start();
    expect({ round, ...(await usage()) }).toEqual({ round, ...disk() });
    await complete(`slow-${round}`, "slow");
    await complete(`large-${round}`, "large");
    await desk.sftp([`-mkdir many-${round}`, `put ${desk.path("many")}/* many-${round}`]);
    expect(tree(join(instance.home("ann"), `many-${round}`))).toEqual(tree(desk.path("many")));
    const tidy = [`rm large-${round}`, `rm slow-${round}`, `rm many-${round}/*`];
    expect((await desk.sftp(tidy)).code).toBe(0);
    await vi.waitFor(async () =>
      expect({ round, ...(await usage()) }).toEqual({ round, ...disk() }),
    );
    expect(running.output()).not.toContain("unexpected error");
    await running.kill();
  }
  // Else nothing of this was only in the memory of the process.
  expect(untold).toBeGreaterThanOrEqual(MOMENTS.length / 2);
}, 60_000);
