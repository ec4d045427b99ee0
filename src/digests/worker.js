// @ts-check
// The thread that reads and hashes. JavaScript, so that a worker can be started from the sources,
// which the tests do, as well as from the build.
import { readSync } from "node:fs";
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { Hasher } from "./hasher.js";

/**
 * @import { DigestAlgorithm } from "./types.ts"
 * @import { WorkerOptions, WorkerReply, WorkerRequest } from "./pool.ts"
 */

/** Fits into a processor's cache, so that a second algorithm finds the bytes there. */
const CHUNK = 256 * 1024;

/** @type {WorkerOptions} */
const { nice, cancelled } = workerData;
const buffer = Buffer.allocUnsafeSlow(CHUNK);
/** @type {Map<number, Map<DigestAlgorithm, Hasher>>} */
const tasks = new Map();

// On Linux 0 is the calling thread, and not its process.
setPriority(0, nice);

/**
 * The hashers of a piece, new ones where a task has none yet.
 * @param {WorkerRequest} request
 */
function hashersOf({ task, algorithms, blockSize }) {
  const all = tasks.get(task) ?? new Map();
  tasks.set(task, all);
  return algorithms.map((algorithm) => {
    const hasher = all.get(algorithm) ?? new Hasher(algorithm, blockSize);
    all.set(algorithm, hasher);
    return hasher;
  });
}

/**
 * Hashes what the request names.
 * @param {WorkerRequest} request
 * @returns {number} bytes hashed: fewer than asked for at the end of the file, or when cancelled
 */
function hash(request) {
  const hashers = hashersOf(request);
  if (request.data !== undefined) {
    for (const hasher of hashers) hasher.update(request.data);
    return request.data.length;
  }
  const { fd, from, to, task } = request;
  for (let at = from; at < to; ) {
    if (Atomics.load(cancelled, 0) === task) return at - from;
    const count = readSync(fd, buffer, 0, Math.min(CHUNK, to - at), at);
    if (count === 0) return at - from;
    const piece = buffer.subarray(0, count);
    for (const hasher of hashers) hasher.update(piece);
    at += count;
  }
  return to - from;
}

/**
 * @param {WorkerRequest} request
 * @returns {WorkerReply}
 */
function work(request) {
  const { task, algorithms, from, to, last } = request;
  try {
    const bytes = hash(request);
    const ended = request.data === undefined && bytes < to - from;
    if (!last && !ended) return { task, bytes, ended };
    const digests = hashersOf(request).map((hasher) => hasher.digest());
    const hashers = tasks.get(task);
    for (const algorithm of algorithms) hashers?.delete(algorithm);
    return { task, bytes, ended, digests };
  } catch (error) {
    return { task, bytes: 0, ended: false, code: /** @type {any} */ (error).code ?? "EIO" };
  }
}

parentPort?.on("message", (/** @type {WorkerRequest | { forget: number }} */ message) => {
  if ("forget" in message) tasks.delete(message.forget);
  else parentPort?.postMessage(work(message));
});
