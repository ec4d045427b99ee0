import type { Logger } from "pino";
import type { WorkerEnd, WorkerProcess } from "./worker-process.ts";

/** A worker that served so long has started well, in milliseconds. */
const WELL_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 30_000;

/** A worker, as its crew needs it. */
export type Member = Pick<
  WorkerProcess,
  "pid" | "startedAt" | "isServing" | "isLeaving" | "gone" | "drain" | "stop" | "kill"
>;

export interface CrewOptions<W extends Member> {
  readonly size: number;
  /** a pino logger fits */
  readonly log: Pick<Logger, "info" | "error">;
  /** Starts a worker, which tells the crew what becomes of it. */
  readonly start: (handlers: CrewHandlers<W>) => W;
  /** A worker takes connections from now on. */
  readonly onReady: (worker: W) => void;
  /** A worker is gone. */
  readonly onEnd: (worker: W, end: WorkerEnd) => void;
}

export interface CrewHandlers<W> {
  ready(worker: W): void;
  ended(worker: W, end: WorkerEnd): void;
}

/** The workers of a server: always as many as there should be. */
export class Crew<W extends Member> {
  readonly #options: CrewOptions<W>;
  readonly #workers = new Set<W>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  #pauseMs = 0;
  #isStarting = true;
  #isStopping = false;
  /** all that were told to stop ended as they should */
  #isClean = true;

  constructor(options: CrewOptions<W>) {
    this.#options = options;
  }

  /** All that are there, also those that start or leave. */
  get all(): readonly W[] {
    return [...this.#workers];
  }

  get serving(): readonly W[] {
    return this.all.filter((worker) => worker.isServing);
  }

  /** Resolves when all are ready. Rejects, with none left, when one can't start: the message says why. */
  async start(): Promise<void> {
    try {
      await this.#startAll();
    } catch (error) {
      this.#isStopping = true;
      for (const worker of this.all) worker.kill();
      await Promise.all(this.all.map(({ gone }) => gone));
      throw error;
    } finally {
      this.#isStarting = false;
    }
  }

  async #startAll(): Promise<void> {
    const missing = () => this.#options.size - this.serving.length;
    // One may end again before the others are ready.
    while (missing() > 0) {
      await Promise.all(Array.from({ length: missing() }, () => this.#startOne()));
    }
  }

  #startOne(): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = this.#options.start({
        ready: (ready) => {
          this.#options.onReady(ready);
          resolve();
        },
        ended: (ended, end) => {
          this.#workers.delete(ended);
          this.#ended(ended, end);
          reject(new Error(end.reason ?? `a worker ended as it started (${end.how})`));
        },
      });
      this.#workers.add(worker);
    });
  }

  #ended(worker: W, end: WorkerEnd): void {
    this.#options.onEnd(worker, end);
    if (this.#isStopping) this.#isClean &&= end.clean;
    else if (!this.#isStarting) this.#replace(worker, end);
  }

  /** A new one at once, unless they die again and again. */
  #replace(worker: W, { how, reason }: WorkerEnd): void {
    const { log, size } = this.#options;
    const { pid } = worker;
    if (this.all.filter((one) => !one.isLeaving).length + this.#pauses.size >= size) {
      log.info({ worker: pid }, "worker left");
      return;
    }
    const isWell = performance.now() - worker.startedAt >= WELL_MS;
    const pause = isWell ? 0 : this.#pauseMs;
    this.#pauseMs = isWell ? 0 : Math.min(LONGEST_PAUSE_MS, pause * 2 || FIRST_PAUSE_MS);
    log.error(
      { worker: pid, how, reason },
      "worker ended: its sessions are gone, a new one starts",
    );
    const timer = setTimeout(() => {
      this.#pauses.delete(timer);
      // Whether it starts is told to `ended`.
      this.#startOne().catch(() => {});
    }, pause);
    this.#pauses.add(timer);
  }

  /**
   * Starts new workers with the program as it is now. The old ones get no more connections, and end
   * when theirs are gone or after that time, in milliseconds. Rejects, and nothing changes, when a new
   * one can't start: the message says why.
   */
  async renew(drainMs: number): Promise<void> {
    if (this.#isStopping) throw new Error("the server is stopping");
    const before = new Set(this.all);
    const starting = Array.from({ length: this.#options.size }, () => this.#startOne());
    const failed = (await Promise.allSettled(starting)).find(({ status }) => status === "rejected");
    for (const worker of this.all) {
      if (before.has(worker) && failed === undefined) worker.drain(drainMs);
      if (!before.has(worker) && failed !== undefined) worker.stop(0);
    }
    if (failed?.status === "rejected") throw failed.reason;
  }

  /**
   * Ends all; transfers get `graceMs` milliseconds. Again: the shorter time holds.
   * @returns false when one had to be ended by force
   */
  async stop(graceMs: number): Promise<boolean> {
    this.#isStopping = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    this.#pauses.clear();
    const { all } = this;
    for (const worker of all) worker.stop(graceMs);
    await Promise.all(all.map(({ gone }) => gone));
    return this.#isClean;
  }
}
