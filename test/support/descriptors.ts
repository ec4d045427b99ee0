import { readdirSync, readlinkSync } from "node:fs";

/** What this process, and a server in it, has open: a removed file's path ends in " (deleted)". */
export function openPaths(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of the listing itself is gone.
      return [];
    }
  });
}
