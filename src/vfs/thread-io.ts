import { read, writev } from "node:fs";
import { FsError } from "../errors.ts";
import { tally } from "../tally.ts";
import { after } from "./slices.ts";

/**
 * Reads by the thread pool.
 * @returns bytes read: less than asked only at the end of the file. Rejects with the system's errors
 */
export function readFully(
  fd: number,
  target: Buffer,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  return counted(
    new Promise((resolve, reject) => {
      let done = 0;
      const step = (): void => {
        read(fd, target, offset + done, length - done, position + done, (error, count) => {
          if (error !== null) return reject(error);
          done += count;
          if (count > 0 && done < length) step();
          else resolve(done);
        });
      };
      step();
    }),
  );
}

/** Writes all of `slices` (in sum `length` bytes) by the thread pool. Rejects with the system's errors. */
export function writeFully(
  fd: number,
  slices: readonly Buffer[],
  length: number,
  position: number,
): Promise<void> {
  return counted(
    new Promise((resolve, reject) => {
      const step = (rest: readonly Buffer[], left: number): void => {
        writev(fd, rest, position + length - left, (error, count) => {
          if (error !== null) reject(error);
          else if (count === left) resolve();
          else if (count === 0) reject(new FsError("EIO"));
          else step(after(rest, count), left - count);
        });
      };
      step(slices, length);
    }),
  );
}

/** As long as it is under way, it is one of the pieces that threads have to do. */
function counted<T>(work: Promise<T>): Promise<T> {
  tally.level("queue files", 1);
  const done = (): void => tally.level("queue files", -1);
  work.then(done, done);
  return work;
}
