import { constants, fstatSync, openSync } from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import type { Inspected } from "./books.ts";
import type { Place } from "./place.ts";
import { inodeKey } from "./proc.ts";
import type { Disk } from "./space.ts";
import { OWNER_READ, OWNER_WRITE } from "./stat.ts";
import type { OpenFlags } from "./types.ts";

/** Opens the file that was found there; undefined when it is not there any more. */
export function openFound(place: Place, flags: OpenFlags): number | undefined {
  const { O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    // Should it be a pipe by now, or somebody have a lease on it: nobody waits for that.
    return openSync(place.host, access(flags) | O_NOFOLLOW | O_NONBLOCK);
  } catch (thrown) {
    const { code } = toFsError(thrown);
    if (code === "ENOENT" || code === "ELOOP") return undefined;
    throw thrown;
  }
}

/**
 * What the open file is that is about to be booked.
 * @throws FsError when it may not be used so: the server's own rights could be wider
 */
export function inspectFound(fd: number, flags: OpenFlags, disk: Disk): Inspected {
  const stat = fstatSync(fd, { bigint: true });
  const wanted = (flags.read ? OWNER_READ : 0) | (flags.write ? OWNER_WRITE : 0);
  const isAllowed = (Number(stat.mode) & wanted) === wanted;
  if (!stat.isFile() || !isAllowed) throw new FsError("EACCES");
  if (stat.nlink === 0n) throw new FsError("ENOENT");
  // It would be emptied, and not be filled again.
  if (flags.truncate && flags.write && stat.size > 0n) disk.expectRoom();
  return { inode: inodeKey(stat), size: Number(stat.size) };
}

/** How open(2) is told what the file is for. */
export function access(flags: OpenFlags): number {
  if (!flags.write) return constants.O_RDONLY;
  return flags.read ? constants.O_RDWR : constants.O_WRONLY;
}
