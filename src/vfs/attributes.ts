import { chmodSync, fstatSync, lutimesSync, utimesSync } from "node:fs";
import { FsError } from "../errors.ts";
import type { Place } from "./place.ts";
import { itself } from "./proc.ts";
import { OWN_WAY, PERMISSIONS } from "./stat.ts";
import type { StatChange } from "./types.ts";

/** Changes what has no part in the quota: permissions and times. Throws the system's errors. */
export function changeAttributes(place: Place, change: StatChange): void {
  const target = place.existing;
  const stat = fstatSync(target);
  const link = stat.isSymbolicLink();
  if (change.permissions !== undefined) {
    // Linux has no permissions on links.
    if (link) throw new FsError("EOPNOTSUPP");
    const permissions = change.permissions & PERMISSIONS;
    chmodSync(itself(target), stat.isDirectory() ? permissions | OWN_WAY : permissions);
  }
  if (change.times !== undefined) {
    const { atime, mtime } = change.times;
    if (link) lutimesSync(place.host, atime, mtime);
    else utimesSync(itself(target), atime, mtime);
  }
}
