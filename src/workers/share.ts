import { getHeapStatistics } from "node:v8";
import type { Config } from "../config/types.ts";
import { usualThreads } from "../digests/threads.ts";
import { usualLimit } from "../memory/limit.ts";
import { usableProcessors } from "../processors.ts";

const MIB = 1024 * 1024;

/** Less would make every transfer slow. */
const LEAST_MEMORY = 16 * MIB;
/** V8's heap of a worker: an idle one has some 20 MiB. */
const LEAST_HEAP_MIB = 256;
/** One may hash a password while the others serve files. */
const LEAST_THREADS = 4;
/** as in moorage.cts */
const USUAL_THREADS = 8;

/** How many processes serve. */
export function workersOf({ server }: Pick<Config, "server">): number {
  return server.workers || Math.min(64, usableProcessors());
}

/** A part of something countable: never nothing of something. */
function part(whole: number, workers: number): number {
  return whole === 0 ? 0 : Math.max(1, Math.floor(whole / workers));
}

/**
 * The settings of one of several workers: what a process may have is shared out evenly. Follows
 * `config`, which may change.
 */
export function shareOf(config: Config, workers: number): Config {
  if (workers === 1) return config;
  const of = (value: () => number): PropertyDescriptor => ({ get: value });
  const memory = () =>
    Math.max(LEAST_MEMORY, Math.floor((config.limits.memory || usualLimit()) / workers));
  const limits = Object.create(config.limits, { memory: of(memory) }) as Config["limits"];
  const auth = Object.create(config.auth, {
    hashConcurrency: of(() => part(config.auth.hashConcurrency, workers)),
    hashQueue: of(() => part(config.auth.hashQueue, workers)),
  }) as Config["auth"];
  const digests = Object.create(config.digests, {
    workers: of(() => part(usualThreads(config.digests.workers), workers)),
    uploads: of(() => part(config.digests.uploads, workers)),
  }) as Config["digests"];
  return Object.create(config, {
    limits: { value: limits },
    auth: { value: auth },
    digests: { value: digests },
  }) as Config;
}

/** How a worker is started. */
export interface WorkerStart {
  /** flags of node */
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** V8's heap and libuv's threads of all workers together are those that one process would have. */
export function startOfWorker(workers: number, env: WorkerStart["env"]): WorkerStart {
  const heap = Math.floor(getHeapStatistics().heap_size_limit / MIB / workers);
  const threads = Math.ceil((Number(env.UV_THREADPOOL_SIZE) || USUAL_THREADS) / workers);
  return {
    execArgv: [...process.execArgv, `--max-old-space-size=${Math.max(LEAST_HEAP_MIB, heap)}`],
    env: { ...env, UV_THREADPOOL_SIZE: `${Math.max(LEAST_THREADS, threads)}` },
  };
}
