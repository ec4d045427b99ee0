import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/**
 * Processors' worth of time that this process may use, a part of one counting as one: those that it
 * may run on, or less where its control group has a limit (cpu.max). Node sees that one from 22 on.
 * @param proc, groups other directories in place of /proc and /sys/fs/cgroup
 */
export function usableProcessors(proc = "/proc", groups = "/sys/fs/cgroup"): number {
  const limits = ownGroups(proc).map((group) => limitOf(join(groups, group)));
  return Math.max(1, Math.min(availableParallelism(), ...limits));
}

/** The control group of this process and all that it is in, by cgroups(7). */
function ownGroups(proc: string): string[] {
  const name = /^0::(\/.*)$/m.exec(textOf(join(proc, "self/cgroup")))?.[1] ?? "/";
  const parts = name.split("/").filter((part) => part !== "");
  return [...parts.map((_, at) => parts.slice(0, at + 1).join("/")), ""];
}

/** "50000 100000": microseconds of each so many; "max" is no limit. */
function limitOf(group: string): number {
  const found = /^(\d+) (\d+)/.exec(textOf(join(group, "cpu.max")));
  return found === null ? Number.POSITIVE_INFINITY : Math.ceil(Number(found[1]) / Number(found[2]));
}

/** "" where there is none. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
