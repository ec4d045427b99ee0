import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Piece, Pool, type PoolOptions, SLICE, type Task } from "../../../src/digests/pool.ts";
import { RangeTask } from "../../../src/digests/tasks.ts";
import { FsError } from "../../../src/errors.ts";

const OPTIONS: PoolOptions = { workers: 1, nice: 10, queue: 100, queuePerUser: 50 };

function makePool(change: Partial<PoolOptions> = {}): Pool {
  const pool = new Pool({ ...OPTIONS, ...change });
  onTestFinished(() => pool.close());
  return pool;
}

/** A file of `size` bytes; the first ones are random, the rest zeros without blocks. */
async function makeFile(size: number): Promise<{ fd: number; path: string }> {
  const directory = await mkdtemp(join(tmpdir(), "moorage-pool-"));
  const path = join(directory, "f");
  writeFileSync(path, randomBytes(Math.min(size, 100_000)));
  const fd = openSync(path, "r+");
  ftruncateSync(fd, size);
  onTestFinished(async () => {
    closeSync(fd);
    await rm(directory, { recursive: true });
  });
  return { fd, path };
}

function rangeOf(user: number, fd: number, length: number, onProgress?: (bytes: number) => void) {
  let task: RangeTask | undefined;
  const result = new Promise<readonly Uint8Array[]>((resolve, reject) => {
    const settle = (found: readonly Uint8Array[] | FsError): void => {
      if (found instanceof FsError) reject(found);
      else resolve(found);
    };
    const range = { position: 0, length, blockSize: 0 };
    task = new RangeTask(user, fd, ["md5", "sha256"], range, settle, onProgress);
  });
  return { task: task as RangeTask, result };
}

test("several algorithms in one pass", async () => {
  const pool = makePool();
  const { fd, path } = await makeFile(3 * SLICE + 5);
  const seen: number[] = [];
  const { task, result } = rangeOf(1, fd, 3 * SLICE + 5, (bytes) => seen.push(bytes));
  pool.add(task);
  const data = readFileSync(path);
  const expected = ["md5", "sha256"].map((name) => createHash(name).update(data).digest());
  expect((await result).map((digest) => Buffer.from(digest))).toEqual(expected);
  expect(seen).toEqual([SLICE, 2 * SLICE, 3 * SLICE, 3 * SLICE + 5]);
  expect(pool.size).toBe(0);
  expect(pool.bytesRead).toBe(3 * SLICE + 5);
});

test("a file that turns out shorter is hashed to its end", async () => {
  const pool = makePool();
  const { fd, path } = await makeFile(100_000);
  const { task, result } = rangeOf(1, fd, 3 * SLICE);
  pool.add(task);
  const [md5] = await result;
  expect(Buffer.from(md5 as Uint8Array)).toEqual(
    createHash("md5").update(readFileSync(path)).digest(),
  );
});

test("users take turns, so that a small file need not wait for a large one", async () => {
  const pool = makePool();
  const { fd } = await makeFile(20 * SLICE);
  const order: string[] = [];
  const start = (user: number, name: string, length: number): Promise<unknown> => {
    const { task, result } = rangeOf(user, fd, length);
    pool.add(task);
    return result.then(() => order.push(name));
  };
  const all = [
    start(1, "large", 20 * SLICE),
    start(1, "second of the same user", 1000),
    start(2, "middle", 3 * SLICE),
    start(3, "small", 1000),
  ];
  await Promise.all(all);
  expect(order).toEqual(["small", "middle", "large", "second of the same user"]);
});

test("refuses what is too much, of one user and of all", async () => {
  const pool = makePool({ queue: 3, queuePerUser: 2 });
  const { fd } = await makeFile(SLICE);
  const made = [1, 1, 1, 2, 3].map((user) => rangeOf(user, fd, SLICE));
  const added = made.map(({ task }) => {
    try {
      pool.add(task);
      return true;
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(FsError);
      return false;
    }
  });
  expect(added).toEqual([true, true, false, true, false]);
  await Promise.all([made[0]?.result, made[1]?.result, made[3]?.result]);
  expect(pool.size).toBe(0);
});

test("a removed task stops soon and leaves the others alone", async () => {
  const pool = makePool();
  const huge = await makeFile(64 * 1024 * SLICE);
  const { fd } = await makeFile(SLICE);
  const removed = rangeOf(1, huge.fd, 64 * 1024 * SLICE);
  pool.add(removed.task);
  const after = rangeOf(1, fd, SLICE);
  pool.add(after.task);
  pool.remove(removed.task);
  await after.result;
  expect(removed.task.bytes).toBe(0);
  expect(pool.size).toBe(0);
});

test("what can't be read fails alone", async () => {
  const pool = makePool();
  const { fd } = await makeFile(1000);
  const directory = openSync(tmpdir(), "r");
  onTestFinished(() => closeSync(directory));
  const bad = rangeOf(1, directory, 1000);
  const good = rangeOf(1, fd, 1000);
  pool.add(bad.task);
  pool.add(good.task);
  await expect(bad.result).rejects.toMatchObject({ code: "EISDIR" });
  await expect(good.result).resolves.toHaveLength(2);
});

test("a task without work waits without holding up others", async () => {
  const pool = makePool();
  const { fd } = await makeFile(1000);
  let piece: Piece | undefined;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const waiting: Task = {
    user: 1,
    next: () => piece,
    done: () => {
      finish();
      return true;
    },
    failed: () => {},
  };
  pool.add(waiting);
  const other = rangeOf(1, fd, 1000);
  pool.add(other.task);
  await other.result;
  piece = { algorithms: ["md5"], blockSize: 0, fd, from: 0, to: 10, last: true };
  pool.wake();
  await finished;
  expect(pool.size).toBe(0);
});

test("the threads have the priority that was asked for, and the others keep theirs", async () => {
  const before = priorities();
  const pool = makePool({ workers: 2, nice: 13 });
  const { fd } = await makeFile(2 * SLICE);
  const tasks = [rangeOf(1, fd, 2 * SLICE), rangeOf(2, fd, 2 * SLICE)];
  for (const { task } of tasks) pool.add(task);
  await Promise.all(tasks.map(({ result }) => result));
  const after = priorities();
  expect(after.filter((nice) => nice === 13).length).toBe(2);
  expect(before.every((nice) => nice !== 13)).toBe(true);
});

/** Of all threads of this process: field 19 of stat, proc(5). */
function priorities(): number[] {
  return readdirSync("/proc/self/task").flatMap((id) => {
    const stat = readFileSync(`/proc/self/task/${id}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  });
}

test("closing fails what is left", async () => {
  const pool = new Pool(OPTIONS);
  const { fd } = await makeFile(64 * 1024 * SLICE);
  const { task, result } = rangeOf(1, fd, 64 * 1024 * SLICE);
  pool.add(task);
  const failed = expect(result).rejects.toMatchObject({ code: "EBUSY" });
  await pool.close();
  await failed;
  expect(() => pool.add(task)).toThrow(FsError);
});
