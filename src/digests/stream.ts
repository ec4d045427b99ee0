import { abortable } from "./abortable.ts";
import { Hasher } from "./hasher.js";
import type { Pool } from "./pool.ts";
import { StreamTask } from "./tasks.ts";
import type { DigestAlgorithm } from "./types.ts";

/** A stream that is over after so little is hashed at once: asking a thread would take longer. */
export const INLINE = 32 * 1024;
/** Bytes that go to a thread together. */
const BATCH = 256 * 1024;

/** Hashes bytes as they come, in a thread of the pool, one batch ahead of what is hashed. */
export async function hashStream(
  pool: Pool,
  user: number,
  data: AsyncIterable<Buffer>,
  algorithm: DigestAlgorithm,
  signal: AbortSignal,
): Promise<Buffer> {
  const batches = new Batches(pool, new StreamTask(user, algorithm), signal);
  try {
    for await (const piece of data) {
      signal.throwIfAborted();
      await batches.add(piece);
    }
    signal.throwIfAborted();
    if (batches.sent || batches.rest.length > INLINE) return await batches.end();
    const hasher = new Hasher(algorithm);
    hasher.update(batches.rest);
    return hasher.digest();
  } finally {
    batches.close();
  }
}

class Batches {
  readonly #pool: Pool;
  readonly #task: StreamTask;
  readonly #signal: AbortSignal;
  #batch = new Uint8Array(BATCH);
  #filled = 0;
  #last: Promise<Uint8Array | undefined> | undefined;

  constructor(pool: Pool, task: StreamTask, signal: AbortSignal) {
    this.#pool = pool;
    this.#task = task;
    this.#signal = signal;
  }

  get sent(): boolean {
    return this.#last !== undefined;
  }

  /** What was added and not sent yet. */
  get rest(): Uint8Array<ArrayBuffer> {
    return this.#batch.subarray(0, this.#filled);
  }

  async add(piece: Buffer): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      if (this.#filled === BATCH) await this.#send(this.#batch, false);
      const count = Math.min(BATCH - this.#filled, piece.length - at);
      this.#batch.set(piece.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
    }
  }

  async end(): Promise<Buffer> {
    await this.#send(this.rest.slice(), true);
    const digest = await abortable(this.#last ?? Promise.resolve(undefined), this.#signal);
    return Buffer.from(digest ?? []);
  }

  close(): void {
    this.#pool.remove(this.#task);
  }

  async #send(bytes: Uint8Array<ArrayBuffer>, last: boolean): Promise<void> {
    if (this.#last === undefined) this.#pool.add(this.#task);
    else await abortable(this.#last, this.#signal);
    this.#last = this.#task.push(bytes, last);
    // Whoever waits for it is told; nobody does when the data fail first.
    this.#last.catch(() => undefined);
    this.#batch = new Uint8Array(BATCH);
    this.#filled = 0;
    this.#pool.wake();
  }
}
