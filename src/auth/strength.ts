import { Worker } from "node:worker_threads";

/** What the thread is given. */
export interface StrengthRequest {
  readonly password: string;
  readonly words: readonly string[];
}

const WORKER = new URL("./strength-worker.js", import.meta.url);

/** Behind so many characters no password is obvious; looking at more takes long. */
const LOOKED_AT = 64;

/** A fifth of a second is usual, dictionaries included; this is for a machine that is very busy. */
const LONGEST_MS = 30_000;

/** The dictionaries take some 60 MiB. */
const MAX_HEAP_MIB = 256;

let last: Promise<unknown> = Promise.resolve();

/**
 * How hard a password is to guess for who tries these words first: 0 to 4 (D. Wheeler, "zxcvbn:
 * Low-Budget Password Strength Estimation", 2016). Rejects when that can't be told.
 *
 * A thread of its own does it, one at a time: some passwords take a fifth of a second, which all
 * sessions would wait for, and the memory of the dictionaries goes with the thread.
 */
export function strength(password: string, words: readonly string[]): Promise<number> {
  const request: StrengthRequest = { password: password.slice(0, LOOKED_AT), words };
  const own = last.then(() => inThread(request));
  last = own.catch(() => {});
  return own;
}

async function inThread(workerData: StrengthRequest): Promise<number> {
  const worker = new Worker(WORKER, {
    workerData,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
  });
  const timer = setTimeout(() => void worker.terminate(), LONGEST_MS);
  try {
    return await new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the password could not be judged")));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
