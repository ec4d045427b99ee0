import { existsSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { onDisk } from "../support/instance.ts";
import { type Cluster, startCluster } from "../support/postgres.ts";
import type { Files, Machine } from "./machine.ts";
import { Pair, session } from "./pair.ts";

const LONG = { timeout: 60_000, interval: 100 };

let cluster: Cluster;
let pair: Pair;

beforeAll(async () => {
  cluster = await startCluster();
}, 60_000);
afterAll(() => cluster.remove());
beforeEach(async () => {
  pair = await Pair.start(cluster);
}, 60_000);
afterEach(() => pair.close(), 30_000);

/** A session on a machine that can have none for a moment. */
async function logsInAgain(machine: Machine, user?: string): Promise<Files> {
  return vi.waitFor(() => session(machine, user), LONG);
}

const data = (text: string, length = 100_000): Buffer => Buffer.alloc(length, text);

test("two machines serve one home, and its books are exact", async () => {
  const here = await session(pair.one);
  const there = await session(pair.other);
  for (let n = 0; n < 5; n += 1) {
    await here.put(`a${n}`, data("a", 1_000 * n));
    await there.put(`b${n}`, data("b", 3_000 * n));
  }
  await pair.booksEqualDisk();
}, 60_000);

test("a machine dies: its user writes on another one, and the books are exact", async () => {
  const here = await session(pair.one);
  await here.put("done", data("d"));
  const handle = await here.open("half");
  await here.write(handle, data("h"), 0);
  await pair.one.die();
  const there = await session(pair.other);
  await there.put("after", data("x"));
  await pair.booksEqualDisk();
  expect(readFileSync(`${pair.home()}/half`).length).toBe(100_000);
}, 60_000);

test("a process is killed: its machine starts another one, and counts nothing that it need not", async () => {
  const here = await session(pair.one);
  await here.put("done", data("d"));
  const handle = await here.open("half");
  await here.write(handle, data("h"), 0);
  const killed = pair.one.worker;
  process.kill(killed, "SIGKILL");
  await here.ended;
  await vi.waitFor(() => expect([-1, killed]).not.toContain(pair.one.worker), LONG);
  const again = await logsInAgain(pair.one);
  await again.put("after", data("x"));
  await pair.booksEqualDisk();
}, 60_000);

test("a machine that is cut off ends its sessions before others may take over, and comes back", async () => {
  const here = await session(pair.one);
  const handle = await here.open("half");
  await here.write(handle, data("h"), 0);
  pair.one.relay.cut();
  // As fast as they are refused; whatever is written is written before the other machine may.
  let last = 0;
  const writing = (async () => {
    for (;;) {
      await here.write(handle, data("h", 1_000), 100_000 + last);
      last += 1_000;
    }
  })();
  await expect(writing).rejects.toThrow();
  await here.ended;
  const size = readFileSync(`${pair.home()}/half`).length;
  const there = await session(pair.other);
  await there.put("half", data("other", 50_000));
  await pair.booksEqualDisk();
  expect(size).toBeGreaterThanOrEqual(100_000);
  expect(readFileSync(`${pair.home()}/half`)).toEqual(data("other", 50_000));
  pair.one.relay.mend();
  const again = await logsInAgain(pair.one);
  await again.put("back", data("y"));
  await pair.booksEqualDisk();
}, 90_000);

test("a machine that stands still for longer than its lease writes nothing late when it goes on", async () => {
  const here = await session(pair.one);
  const handle = await here.open("file");
  await here.write(handle, data("h"), 0);
  pair.one.pause();
  // These wait in its sockets until it goes on.
  const late = here.write(handle, data("late", 300_000), 0);
  const made = here.mkdir("late");
  late.catch(() => {});
  made.catch(() => {});
  const there = await session(pair.other);
  await there.put("file", data("other", 70_000));
  await pair.booksEqualDisk();
  pair.one.resume();
  const ends = await Promise.allSettled([late, made]);
  expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const again = await logsInAgain(pair.one);
  await again.put("again", data("z"));
  await vi.waitFor(async () => expect(await pair.servingOn("one")).toBe(2), LONG);
  expect(readFileSync(`${pair.home()}/file`)).toEqual(data("other", 70_000));
  expect(existsSync(`${pair.home()}/late`)).toBe(false);
  await pair.booksEqualDisk();
}, 90_000);

test("a database that goes away and returns: sessions end with a clear error, and nothing is lost", async () => {
  const here = await session(pair.one);
  const there = await session(pair.other, "bob");
  const handle = await here.open("half");
  await here.write(handle, data("h"), 0);
  await there.put("done", data("d"));
  const before = [pair.one, pair.other].flatMap(({ pids }) => pids);
  cluster.pause();
  await Promise.all([here.ended, there.ended]);
  cluster.resume();
  const again = await logsInAgain(pair.one);
  await again.put("after", data("x"));
  const bob = await logsInAgain(pair.other, "bob");
  await bob.put("after", data("x"));
  await pair.booksEqualDisk("ann");
  await pair.booksEqualDisk("bob");
  expect(readFileSync(`${pair.home()}/half`)).toEqual(data("h"));
  // Nobody was restarted for it.
  expect([pair.one, pair.other].flatMap(({ pids }) => pids)).toEqual(before);
}, 90_000);

test("two machines that lose each other in the midst of much: what is on the disk is in the books", async () => {
  const [here, there] = [await session(pair.one), await session(pair.other)];
  const busy = async (files: Files, name: string): Promise<void> => {
    for (let n = 0; ; n += 1) {
      await files.mkdir(`${name}-d${n}`);
      await files.put(`${name}-${n}`, data(name, (n * 7_919) % 60_000));
    }
  };
  const ends = [busy(here, "a"), busy(there, "b")];
  for (const end of ends) end.catch(() => {});
  await vi.waitFor(() => expect(onDisk(pair.home()).files).toBeGreaterThan(30), LONG);
  await pair.one.die();
  const before = onDisk(pair.home()).files;
  await vi.waitFor(() => expect(onDisk(pair.home()).files).toBeGreaterThan(before + 20), LONG);
  there.end();
  await Promise.allSettled(ends);
  await pair.booksEqualDisk();
}, 90_000);
