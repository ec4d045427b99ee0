import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Crew, type CrewHandlers, type Member } from "../../../src/workers/crew.ts";
import type { WorkerEnd } from "../../../src/workers/worker-process.ts";

/** What a worker process is to its crew. */
class FakeWorker implements Member {
  readonly pid: number;
  readonly startedAt = performance.now();
  readonly gone: Promise<WorkerEnd>;
  readonly told: string[] = [];
  isServing = false;
  isLeaving = false;
  readonly #handlers: CrewHandlers<FakeWorker>;
  #onGone: (end: WorkerEnd) => void = () => {};

  constructor(pid: number, handlers: CrewHandlers<FakeWorker>) {
    this.pid = pid;
    this.#handlers = handlers;
    this.gone = new Promise((resolve) => {
      this.#onGone = resolve;
    });
  }

  ready(): void {
    this.isServing = true;
    this.#handlers.ready(this);
  }

  end(how: string, reason?: string): void {
    this.isServing = false;
    this.isLeaving = true;
    const end: WorkerEnd = { clean: how === "exit code 0", how, reason };
    this.#handlers.ended(this, end);
    this.#onGone(end);
  }

  drain(milliseconds: number): void {
    this.isServing = false;
    this.isLeaving = true;
    this.told.push(`drain ${milliseconds}`);
  }

  stop(graceMs: number): void {
    this.isServing = false;
    this.isLeaving = true;
    this.told.push(`stop ${graceMs}`);
  }

  kill(): void {
    this.told.push("kill");
    this.end("SIGKILL");
  }
}

let started: FakeWorker[];
let ended: number[];
let crew: Crew<FakeWorker>;

beforeEach(() => {
  vi.useFakeTimers();
  started = [];
  ended = [];
  crew = new Crew<FakeWorker>({
    size: 2,
    log: { info() {}, error() {} },
    start: (handlers) => {
      const worker = new FakeWorker(started.length + 1, handlers);
      started.push(worker);
      return worker;
    },
    onReady: () => {},
    onEnd: ({ pid }) => ended.push(pid),
  });
});

afterEach(() => {
  vi.useRealTimers();
});

async function startAll(): Promise<void> {
  const start = crew.start();
  for (const worker of [...started]) worker.ready();
  await start;
}

const last = (): FakeWorker => started.at(-1) as FakeWorker;

describe("the start", () => {
  test("is done when all are ready", async () => {
    const start = crew.start();
    const done = vi.fn();
    void start.then(done);
    started[0]?.ready();
    await vi.advanceTimersByTimeAsync(1);
    expect(done).not.toHaveBeenCalled();
    started[1]?.ready();
    await start;
    expect(crew.serving).toEqual(started);
  });

  test("fails with what a worker says, and leaves none behind", async () => {
    const start = crew.start();
    started[0]?.ready();
    started[1]?.end("exit code 1", "the disk fails");
    await expect(start).rejects.toThrow("the disk fails");
    expect(started[0]?.told).toEqual(["kill"]);
    expect(crew.all).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(started).toHaveLength(2);
  });

  test("says how a worker ended that said nothing", async () => {
    const start = crew.start();
    started[1]?.end("SIGSEGV");
    await expect(start).rejects.toThrow("a worker ended as it started (SIGSEGV)");
  });

  test("one that ends before the others are ready is replaced", async () => {
    const start = crew.start();
    started[0]?.ready();
    started[0]?.end("SIGKILL");
    started[1]?.ready();
    await vi.advanceTimersByTimeAsync(0);
    last().ready();
    await start;
    expect(crew.serving.map(({ pid }) => pid)).toEqual([2, 3]);
  });
});

describe("a worker that ends", () => {
  test("is replaced at once, and longer and longer later when they end again and again", async () => {
    await startAll();
    const pauses: number[] = [];
    for (let i = 0; i < 12; i++) {
      const before = started.length;
      last().end("SIGKILL");
      let pause = 0;
      await vi.advanceTimersByTimeAsync(0);
      while (started.length === before) {
        await vi.advanceTimersByTimeAsync(100);
        pause += 100;
      }
      pauses.push(pause);
    }
    expect(pauses.slice(0, 5)).toEqual([0, 200, 400, 800, 1_600]);
    expect(pauses.at(-1)).toBe(30_000);
    expect(crew.all).toHaveLength(2);
  });

  test("is replaced at once again after one that lived for long", async () => {
    await startAll();
    for (let i = 0; i < 4; i++) {
      last().end("SIGKILL");
      await vi.advanceTimersByTimeAsync(10_000);
    }
    last().ready();
    await vi.advanceTimersByTimeAsync(10_000);
    const before = started.length;
    last().end("SIGKILL");
    await vi.advanceTimersByTimeAsync(0);
    expect(started).toHaveLength(before + 1);
  });
});

describe("new workers for old ones", () => {
  test("the old ones leave when the new ones serve, and are not replaced", async () => {
    await startAll();
    const old = [...started];
    const renewed = crew.renew(600_000);
    expect(crew.serving).toEqual(old);
    for (const worker of started.slice(2)) worker.ready();
    await renewed;
    expect(old.map(({ told }) => told)).toEqual([["drain 600000"], ["drain 600000"]]);
    expect(crew.serving.map(({ pid }) => pid)).toEqual([3, 4]);
    for (const worker of old) worker.end("exit code 0");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(started).toHaveLength(4);
  });

  test("the old ones stay when a new one can't start", async () => {
    await startAll();
    const renewed = crew.renew(0);
    started[2]?.ready();
    started[3]?.end("exit code 1", "no such file");
    await expect(renewed).rejects.toThrow("no such file");
    expect(crew.serving.map(({ pid }) => pid)).toEqual([1, 2]);
    expect(started[2]?.told).toEqual(["stop 0"]);
  });

  test("starts none for a server that stops: they would outlive it", async () => {
    await startAll();
    void crew.stop(60_000);
    await expect(crew.renew(0)).rejects.toThrow("the server is stopping");
    expect(started).toHaveLength(2);
  });
});

test("stop ends all, also what is to be started, and tells whether all ended well", async () => {
  await startAll();
  started[0]?.end("SIGKILL");
  await vi.advanceTimersByTimeAsync(0);
  last().end("SIGKILL");
  const stopped = crew.stop(8_000);
  expect(started[1]?.told).toEqual(["stop 8000"]);
  started[1]?.end("exit code 0");
  expect(await stopped).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(started).toHaveLength(3);
});
