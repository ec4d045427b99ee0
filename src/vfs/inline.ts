/**
 * Small reads and writes are mostly of the page cache and take microseconds, less than it costs to
 * hand them to a thread and back. They are done at once as long as the disk answers so fast: one
 * that took long sends all to the threads for a while, so a slow disk holds up the others at most
 * this often.
 */

/** Bytes up to which an operation counts as small. */
export const INLINE_BYTES = 32 * 1024;

const LONG_MS = 1;
const PAUSE_MS = 1_000;

let pausedUntil = 0;

/**
 * Runs a small system call at once.
 * @returns undefined when it should go to the threads instead
 */
export function inline<T>(call: () => T): T | undefined {
  const start = performance.now();
  if (start < pausedUntil) return undefined;
  try {
    return call();
  } finally {
    const end = performance.now();
    if (end - start > LONG_MS) pausedUntil = end + PAUSE_MS;
  }
}
