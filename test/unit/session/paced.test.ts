import { afterEach, beforeEach, expect, test } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { Rates } from "../../../src/rates/rates.ts";
import { AuditedFileSystem } from "../../../src/session/audited.ts";
import type { FileEvent } from "../../../src/session/audited-file.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { APPEND, PUT, READ, TestInstance } from "../../support/instance.ts";

const USER = 1;
const RATE = 100_000;

let instance: TestInstance;
let events: FileEvent[];
let fs: AuditedFileSystem;
let clock: FakeClock;
let rates: Rates;

beforeEach(async () => {
  instance = await TestInstance.create();
  const home = await instance.home(await instance.addUser("ann", 1_000_000));
  events = [];
  clock = new FakeClock();
  rates = new Rates({ clock });
  fs = new AuditedFileSystem(home, (event) => events.push(event));
  fs.pace = rates.session(USER, { uploadRate: RATE, downloadRate: RATE });
});

afterEach(() => instance.close());

/** Lets time pass until it is done, and says how long it took on the clock of the rates. */
async function timed<T>(work: Promise<T>): Promise<{ result: T; milliseconds: number }> {
  const start = clock.now();
  let isDone = false;
  const end = (): void => {
    isDone = true;
  };
  work.then(end, end);
  while (!isDone) await clock.run(10);
  return { result: await work, milliseconds: clock.now() - start };
}

async function put(path: string, data: Buffer): Promise<number> {
  const file = await fs.open(fromText(path), PUT, 0o644);
  const { milliseconds } = await timed(file.write([data], data.length, 0));
  await file.close();
  return milliseconds;
}

function random(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 7919) % 251));
}

test("bytes are written and read by the rate, and are the same", async () => {
  const data = random(200_000);
  expect(await put("/a", data)).toBeGreaterThan(1_800);
  const file = await fs.open(fromText("/a"), READ);
  const target = Buffer.alloc(300_000);
  const { result, milliseconds } = await timed(file.read(target, 0, 300_000, 0));
  await file.close();
  expect(result).toBe(200_000);
  expect(target.subarray(0, result).equals(data)).toBe(true);
  expect(milliseconds).toBeGreaterThan(1_800);
  expect(milliseconds).toBeLessThan(2_200);
  expect(events.map(({ kind, bytes }) => [kind, bytes])).toEqual([
    ["upload", 200_000],
    ["download", 200_000],
  ]);
});

test("slices are written where they belong, whatever the pieces", async () => {
  const data = random(50_001);
  const file = await fs.open(fromText("/a"), PUT, 0o644);
  const slices = [0, 1, 4_000, 4_000, 30_000, 50_000].map((at, index, all) =>
    data.subarray(at, all[index + 1] ?? data.length),
  );
  await timed(file.write(slices, data.length, 10));
  await file.close();
  rates.setUser(USER, { uploadRate: null, downloadRate: null });
  const target = Buffer.alloc(60_000);
  const reader = await fs.open(fromText("/a"), READ);
  expect(await reader.read(target, 0, 60_000, 0)).toBe(50_011);
  expect(target.subarray(10, 50_011).equals(data)).toBe(true);
  await reader.close();
});

test("what does not fit the quota is refused at once, and nothing of it is written", async () => {
  const file = await fs.open(fromText("/a"), PUT, 0o644);
  const refused = file.write([Buffer.alloc(1_000_001)], 1_000_001, 0);
  await expect(refused).rejects.toMatchObject({ code: "EDQUOT" });
  expect((await file.stat()).size).toBe(0);
  const appended = await fs.open(fromText("/a"), APPEND);
  await timed(appended.write([Buffer.alloc(5_000)], 5_000, 0));
  const more = timed(appended.write([Buffer.alloc(1_000_000)], 1_000_000, 0));
  await expect(more).rejects.toMatchObject({ code: "EDQUOT" });
  expect((await appended.stat()).size).toBe(5_000);
  await appended.close();
  await file.close();
  expect(clock.timers).toBe(0);
});

test("what waits ends when the file is closed, the transfer ended, or the session over", async () => {
  const open = async (path: string) => {
    const file = await fs.open(fromText(path), PUT, 0o644);
    const write = file.write([Buffer.alloc(900_000)], 900_000, 0);
    write.catch(() => {});
    return { file, write };
  };
  const closed = await open("/a");
  await clock.run(500);
  await closed.file.close();
  await expect(closed.write).rejects.toMatchObject({ code: "EBADF" });

  const ended = await open("/b");
  await clock.run(500);
  expect(fs.endTransfer(2, "ended by somebody")).toBe(true);
  await expect(ended.write).rejects.toThrow("ended by somebody");

  const over = await open("/c");
  await clock.run(500);
  fs.pace.close(new FsError("EIO", "the session is over"));
  await expect(over.write).rejects.toThrow("the session is over");
  expect(clock.timers).toBe(0);
  await fs.close();
});

test("a rate that is taken away lets what waits go on at once", async () => {
  const file = await fs.open(fromText("/a"), PUT, 0o644);
  const write = file.write([Buffer.alloc(900_000)], 900_000, 0);
  await clock.run(100);
  expect(file.mostAtOnce).toBe(2_000);
  rates.setUser(USER, { uploadRate: null, downloadRate: null });
  await write;
  expect(file.mostAtOnce).toBeUndefined();
  await file.close();
  expect(clock.timers).toBe(0);
});

test("copies within the home are not slowed down", async () => {
  await put("/a", random(50_000));
  const source = await fs.open(fromText("/a"), READ);
  const target = await fs.open(fromText("/b"), PUT, 0o644);
  expect(await fs.copy(source, 0, 0, target, 0)).toBe(50_000);
  await source.close();
  await target.close();
});
