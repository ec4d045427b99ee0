import { setTimeout as sleep } from "node:timers/promises";

/** Requests that a thread of libuv's pool works on, as Node calls them. */
const OF_THREADS = /^(FSReq|FileHandleCloseReq|GetAddrInfoReq|GetNameInfoReq)/;

/** How long a system call that nobody waits for any more may take to return. */
const PATIENCE_MS = 1_000;
const POLL_MS = 10;

/** Signals that an exit code of 128 and more stands for. */
const SIGNALS: Readonly<Record<number, NodeJS.Signals>> = { 130: "SIGINT", 143: "SIGTERM" };

/**
 * Ends the process. `process.exit` waits for every thread: one in a system call that does not return
 * (a disk that is gone, a pipe that nobody opens) would keep the process for ever.
 */
export async function leave(code: number): Promise<void> {
  const patience = performance.now() + PATIENCE_MS;
  while (threadsWork() && performance.now() < patience) await sleep(POLL_MS);
  leaveAtOnce(code);
}

/** The same without waiting. */
export function leaveAtOnce(code: number): void {
  if (threadsWork()) leaveByForce(code);
  else process.exit(code);
}

/** Ends the process whatever its threads do; what waits for its end sees a signal. */
export function leaveByForce(code: number): void {
  process.emit("exit", code);
  const signal = SIGNALS[code] ?? "SIGKILL";
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function threadsWork(): boolean {
  return process.getActiveResourcesInfo().some((name) => OF_THREADS.test(name));
}
