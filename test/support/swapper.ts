import { Worker } from "node:worker_threads";

// Plain JavaScript: a worker gets no TypeScript loader.
const PROGRAM = `
const { workerData, parentPort } = require("node:worker_threads");
const fs = require("node:fs");
const { steps, stop } = workerData;
const flag = new Int32Array(stop);
parentPort.postMessage("ready");
while (Atomics.load(flag, 0) === 0) {
  for (const [call, ...args] of steps) {
    try { fs[call](...args); } catch {}
  }
  Atomics.add(flag, 1, 1);
}
parentPort.postMessage("stopped");
`;

/**
 * Runs synchronous fs calls ([name, ...arguments], errors ignored) in a loop in a thread of its
 * own, as another session's requests would: at any moment between two of our system calls.
 */
export class Swapper {
  readonly #worker: Worker;
  readonly #flag: Int32Array;

  constructor(worker: Worker, flag: Int32Array) {
    this.#worker = worker;
    this.#flag = flag;
  }

  static async start(steps: readonly (readonly [string, ...unknown[]])[]): Promise<Swapper> {
    const stop = new SharedArrayBuffer(8);
    const worker = new Worker(PROGRAM, { eval: true, workerData: { steps, stop } });
    await new Promise((resolve) => worker.once("message", resolve));
    return new Swapper(worker, new Int32Array(stop));
  }

  /** Rounds made so far. */
  get rounds(): number {
    return Atomics.load(this.#flag, 1);
  }

  /** Ends the loop. */
  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.#worker.once("message", resolve));
    Atomics.store(this.#flag, 0, 1);
    await stopped;
    await this.#worker.terminate();
  }
}
