import { closeSync, read } from "node:fs";
import { promisify } from "node:util";
import { FsError, toFsError } from "../errors.ts";
import type { OpenFile } from "../vfs/types.ts";
import { abortable } from "./abortable.ts";
import { Hasher } from "./hasher.js";
import type { DigestService } from "./service.ts";
import { type FileState, stateOf } from "./state.ts";
import { hashStream, INLINE } from "./stream.ts";
import { RangeTask } from "./tasks.ts";
import type { DigestAlgorithm, DigestProgress, DigestRange, Digests } from "./types.ts";

/** Bytes read together through a file that can be read in no other way. */
const CHUNK = 256 * 1024;

const readAsync = promisify(read);

/** {@link Digests} of one user, on threads shared with all others. */
export class UserDigests implements Digests {
  readonly #service: DigestService;
  readonly #user: number;

  constructor(service: DigestService, user: number) {
    this.#service = service;
    this.#user = user;
  }

  async file(
    file: OpenFile,
    algorithm: DigestAlgorithm,
    signal: AbortSignal,
    onProgress?: DigestProgress,
  ): Promise<Buffer> {
    const [digest] = await this.fileAll(file, [algorithm], signal, onProgress);
    return digest as Buffer;
  }

  async fileAll(
    file: OpenFile,
    algorithms: readonly DigestAlgorithm[],
    signal: AbortSignal,
    onProgress?: DigestProgress,
  ): Promise<Buffer[]> {
    signal.throwIfAborted();
    const fd = descriptorOf(file);
    if (fd === undefined) return hashOpen(file, algorithms, WHOLE, signal, onProgress);
    try {
      const readAt = this.#service.now();
      const before = stateOf(fd);
      const found = await this.#known(before, algorithms, signal);
      const missing = algorithms.filter((algorithm) => !found.has(algorithm));
      if (missing.length > 0) {
        const range = { position: 0, length: before.size, blockSize: 0 };
        const computed = await this.#hash(fd, missing, range, signal, onProgress);
        for (const [index, algorithm] of missing.entries()) {
          found.set(algorithm, computed[index] as Buffer);
        }
        const home = file.homeId ?? this.#user;
        await this.#remember(home, before, readAt, fd, missing, computed);
      }
      return algorithms.map((algorithm) => found.get(algorithm) as Buffer);
    } catch (thrown) {
      throw signal.aborted ? signal.reason : toFsError(thrown);
    } finally {
      closeSync(fd);
    }
  }

  async range(
    file: OpenFile,
    algorithm: DigestAlgorithm,
    range: DigestRange,
    signal: AbortSignal,
    onProgress?: DigestProgress,
  ): Promise<Buffer> {
    signal.throwIfAborted();
    const { position, blockSize } = range;
    const { size } = await file.stat();
    const length = Math.min(range.length, Math.max(0, size - position));
    if (length === size && blockSize === 0) return this.file(file, algorithm, signal, onProgress);
    const part = { position, length, blockSize };
    const fd = descriptorOf(file);
    if (fd === undefined) {
      const [digest] = await hashOpen(file, [algorithm], part, signal, onProgress);
      return digest as Buffer;
    }
    try {
      const [digest] = await this.#hash(fd, [algorithm], part, signal, onProgress);
      return digest as Buffer;
    } catch (thrown) {
      throw signal.aborted ? signal.reason : toFsError(thrown);
    } finally {
      closeSync(fd);
    }
  }

  stream(
    data: AsyncIterable<Buffer>,
    algorithm: DigestAlgorithm,
    signal: AbortSignal,
  ): Promise<Buffer> {
    return hashStream(this.#service.pool, this.#user, data, algorithm, signal);
  }

  /** What the store knows, and what an upload that was just completed will know soon. */
  async #known(
    file: FileState,
    algorithms: readonly DigestAlgorithm[],
    signal: AbortSignal,
  ): Promise<Map<DigestAlgorithm, Buffer>> {
    const { digests, follower } = await this.#service.known(file);
    const found = new Map<DigestAlgorithm, Buffer>();
    for (const algorithm of algorithms) {
      const known = digests[algorithm];
      if (known !== undefined) found.set(algorithm, Buffer.from(known, "hex"));
    }
    if (follower === undefined) return found;
    const coming = algorithms.filter((name) => !found.has(name) && follower.promises(name));
    const digest = await abortable(
      Promise.all(coming.map((name) => follower.digest(name))),
      signal,
    );
    for (const [index, algorithm] of coming.entries()) {
      const known = digest[index];
      if (known !== undefined) found.set(algorithm, known);
    }
    return found;
  }

  #remember(
    home: number,
    before: FileState,
    readAt: number,
    fd: number,
    algorithms: readonly DigestAlgorithm[],
    digests: readonly Buffer[],
  ): Promise<void> {
    const hexadecimal = Object.fromEntries(
      algorithms.map((algorithm, index) => [algorithm, digests[index]?.toString("hex") ?? ""]),
    );
    return this.#service.remember(home, before, readAt, stateOf(fd), hexadecimal);
  }

  async #hash(
    fd: number,
    algorithms: readonly DigestAlgorithm[],
    range: DigestRange,
    signal: AbortSignal,
    onProgress: DigestProgress | undefined,
  ): Promise<Buffer[]> {
    if (range.length > INLINE) return this.#hashInThread(fd, algorithms, range, signal, onProgress);
    const buffer = Buffer.allocUnsafe(range.length);
    let filled = 0;
    while (filled < range.length) {
      const rest = range.length - filled;
      const { bytesRead } = await readAsync(fd, buffer, filled, rest, range.position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#service.readInline(filled);
    return algorithms.map((algorithm) => {
      const hasher = new Hasher(algorithm, range.blockSize);
      hasher.update(buffer.subarray(0, filled));
      return hasher.digest();
    });
  }

  #hashInThread(
    fd: number,
    algorithms: readonly DigestAlgorithm[],
    range: DigestRange,
    signal: AbortSignal,
    onProgress: DigestProgress | undefined,
  ): Promise<Buffer[]> {
    const { pool } = this.#service;
    return new Promise((resolve, reject) => {
      const settle = (result: readonly Uint8Array[] | FsError): void => {
        signal.removeEventListener("abort", cancel);
        if (result instanceof FsError) reject(result);
        else resolve(result.map((digest) => Buffer.from(digest)));
      };
      const task = new RangeTask(this.#user, fd, algorithms, range, settle, onProgress);
      const cancel = (): void => {
        pool.remove(task);
        reject(signal.reason);
      };
      pool.add(task);
      signal.addEventListener("abort", cancel, { once: true });
    });
  }
}

const WHOLE: DigestRange = { position: 0, length: Number.MAX_SAFE_INTEGER, blockSize: 0 };

/** The file's descriptor for reading, to be closed; undefined when it can only be read as it is. */
function descriptorOf(file: OpenFile): number | undefined {
  try {
    return file.duplicate?.();
  } catch {
    // Its permissions may not let it be opened again.
    return undefined;
  }
}

/** Hashes what can only be read through the file itself. */
async function hashOpen(
  file: OpenFile,
  algorithms: readonly DigestAlgorithm[],
  { position, length, blockSize }: DigestRange,
  signal: AbortSignal,
  onProgress: DigestProgress | undefined,
): Promise<Buffer[]> {
  const hashers = algorithms.map((algorithm) => new Hasher(algorithm, blockSize));
  const buffer = Buffer.allocUnsafeSlow(CHUNK);
  for (let done = 0; done < length; ) {
    const count = await file.read(buffer, 0, Math.min(CHUNK, length - done), position + done);
    signal.throwIfAborted();
    if (count === 0) break;
    for (const hasher of hashers) hasher.update(buffer.subarray(0, count));
    done += count;
    onProgress?.(done);
  }
  return hashers.map((hasher) => hasher.digest());
}
