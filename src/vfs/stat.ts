import type { Stats } from "node:fs";
import { FsError } from "../errors.ts";
import type { FileStat, Owner, StatChange } from "./types.ts";

/** Permission bits a client may set: no set-user-ID, set-group-ID or sticky bit. */
export const PERMISSIONS = 0o777;

/**
 * Every directory keeps these for its owner, which is the server: where it can't look it can neither
 * settle the books after a crash nor count or delete a home.
 */
export const OWN_WAY = 0o500;

/** They count even where the server's own user could ignore them. */
export const OWNER_READ = 0o400;
export const OWNER_WRITE = 0o200;

export function toFileStat(stat: Stats): FileStat {
  return {
    mode: stat.mode,
    nlink: stat.nlink,
    size: stat.size,
    atime: Math.floor(stat.atimeMs / 1000),
    mtime: Math.floor(stat.mtimeMs / 1000),
  };
}

/** @throws FsError EPERM when the change would give the file to another */
export function checkOwner(change: StatChange, owner: Owner): void {
  const { uid = owner.uid, gid = owner.gid } = change.owner ?? {};
  if (uid !== owner.uid || gid !== owner.gid) throw new FsError("EPERM");
}
