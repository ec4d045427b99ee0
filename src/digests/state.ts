import { type BigIntStats, fstatSync } from "node:fs";

/**
 * How old the last change of a file must be before its times are trusted to tell of the next one:
 * the kernel's clock for files may stand still for some milliseconds. More where a file system
 * counts in seconds.
 */
const SETTLED_NS = 1_000_000_000n;
const SETTLED_COARSE_NS = 3_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/** A file as its digests are remembered. */
export interface FileState {
  readonly inode: string;
  /** changes with every change of the contents, and with other changes too */
  readonly state: string;
  /** bytes */
  readonly size: number;
}

export function toState(stat: BigIntStats): FileState {
  return {
    inode: `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`,
    state: `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`,
    size: Number(stat.size),
  };
}

export function stateOf(fd: number): FileState {
  return toState(fstatSync(fd, { bigint: true }));
}

/**
 * True when a change after `now` (milliseconds since the epoch) can't leave the state as it is:
 * it will get another change time, which nobody can set.
 */
export function isSettled({ state }: FileState, now: number): boolean {
  const ctime = BigInt(state.slice(state.lastIndexOf(":") + 1));
  const age = BigInt(Math.floor(now)) * 1_000_000n - ctime;
  return age >= (ctime % SECOND_NS === 0n ? SETTLED_COARSE_NS : SETTLED_NS);
}
