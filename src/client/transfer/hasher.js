// @ts-check
// A thread that hashes files from the page cache, behind those who read or write them. JavaScript,
// for Node 20 starts no thread from TypeScript and the tests run from the sources.
import { readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { createHash, digestSoFar } from "../../hash.js";

/**
 * @typedef {{ id: number, fd: number, algorithm: string }} Open
 * @typedef {{ id: number, upTo: number, answer?: number }} Advance
 * @typedef {{ id: number, close: true }} Close
 * @typedef {{ fd: number, hash: ReturnType<typeof createHash>, position: number }} Task
 */

const SLICE = 1024 * 1024;
const slice = Buffer.allocUnsafeSlow(SLICE);

/** @type {Map<number, Task>} */
const tasks = new Map();

/** @param {Task} task @param {number} upTo */
function advance(task, upTo) {
  while (task.position < upTo) {
    const wanted = Math.min(SLICE, upTo - task.position);
    const length = readSync(task.fd, slice, 0, wanted, task.position);
    if (length === 0) throw new Error("the file is shorter");
    task.hash.update(slice.subarray(0, length));
    task.position += length;
  }
}

/** @param {Open | Advance | Close} message */
function handle(message) {
  if ("algorithm" in message) {
    const hash = createHash(message.algorithm);
    tasks.set(message.id, { fd: message.fd, hash, position: 0 });
    return;
  }
  if ("close" in message) {
    tasks.delete(message.id);
    parentPort?.postMessage({ closed: message.id });
    return;
  }
  const { id, upTo, answer } = message;
  const task = tasks.get(id);
  /** @type {string | undefined} */
  let hex;
  try {
    if (task !== undefined && task.position <= upTo) {
      advance(task, upTo);
      if (answer !== undefined) hex = digestSoFar(task.hash).toString("hex");
    }
  } catch {
    tasks.delete(id);
  }
  if (answer !== undefined) parentPort?.postMessage({ answer, hex });
}

parentPort?.on("message", handle);
