import { createHash, randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { Pool } from "../../../src/digests/pool.ts";
import { hashStream } from "../../../src/digests/stream.ts";
import { FsError } from "../../../src/errors.ts";

const never = new AbortController().signal;

function makePool(queue = 10): Pool {
  const pool = new Pool({ workers: 1, nice: 0, queue, queuePerUser: queue });
  onTestFinished(() => pool.close());
  return pool;
}

/** The same memory for all pieces, as a file is read. */
async function* reusing(data: Buffer, step: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(step);
  for (let at = 0; at < data.length; at += step) {
    const length = data.copy(buffer, 0, at, at + step);
    yield buffer.subarray(0, length);
    buffer.fill(0);
  }
}

test.each([0, 1, 32 * 1024, 32 * 1024 + 1, 256 * 1024, 256 * 1024 + 1, 3_000_000])(
  "%i bytes",
  async (size) => {
    const pool = makePool();
    const data = randomBytes(size);
    const digest = await hashStream(pool, 1, reusing(data, 10_007), "sha256", never);
    expect(digest).toEqual(createHash("sha256").update(data).digest());
    expect(pool.size).toBe(0);
  },
);

test("several at once, one of them far larger pieces", async () => {
  const pool = makePool();
  const data = randomBytes(2_000_000);
  const digests = await Promise.all(
    [1_000, 70_000, 1_500_000].map((step) => {
      return hashStream(pool, 1, reusing(data, step), "md5", never);
    }),
  );
  const expected = createHash("md5").update(data).digest();
  expect(digests).toEqual([expected, expected, expected]);
});

test("bytes that fail to come", async () => {
  const pool = makePool();
  async function* failing(): AsyncGenerator<Buffer> {
    yield randomBytes(1_000_000);
    throw new FsError("EIO");
  }
  await expect(hashStream(pool, 1, failing(), "md5", never)).rejects.toMatchObject({ code: "EIO" });
  expect(pool.size).toBe(0);
});

test("one who asked goes away", async () => {
  const pool = makePool();
  const gone = new AbortController();
  const reason = new Error("gone");
  async function* endless(): AsyncGenerator<Buffer> {
    for (let count = 0; ; count += 1) {
      if (count === 20) gone.abort(reason);
      yield randomBytes(100_000);
    }
  }
  await expect(hashStream(pool, 1, endless(), "md5", gone.signal)).rejects.toBe(reason);
  expect(pool.size).toBe(0);
});

test("too many streams are refused", async () => {
  const pool = makePool(1);
  const large = reusing(Buffer.alloc(1_000_000), 100_000);
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  async function* slow(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(600_000);
    await held;
  }
  const first = hashStream(pool, 1, slow(), "md5", never);
  await expect(hashStream(pool, 2, large, "md5", never)).rejects.toMatchObject({ code: "EBUSY" });
  release();
  expect(await first).toEqual(createHash("md5").update(Buffer.alloc(600_000)).digest());
});
