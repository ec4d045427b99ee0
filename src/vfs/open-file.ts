import { constants, fstatSync, openSync, unlinkSync } from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import type { FileCharge, Inspected } from "./books.ts";
import { descriptors } from "./descriptors.ts";
import { checkWritable, type Home } from "./entries.ts";
import { HomeFile } from "./file.ts";
import { openFresh } from "./fresh-file.ts";
import { checkCreate, checkOpen, Guard, isOwn, told } from "./guard.ts";
import { letGo } from "./let-go.ts";
import type { OpenThings } from "./open-things.ts";
import { access, inspectFound, openFound } from "./opening.ts";
import { type ByteString, withoutSlash } from "./path.ts";
import type { Place } from "./place.ts";
import { inodeKey } from "./proc.ts";
import { PERMISSIONS } from "./stat.ts";
import type { OpenFile, OpenFlags, Owner } from "./types.ts";
import { afresh, beginsAnew, remember, unseen } from "./uploads.ts";

const OPEN_ATTEMPTS = 16;

/** What files are opened for. */
export interface Opener extends Home {
  readonly userId: number;
  readonly owner: Owner;
  readonly openThings: OpenThings;
}

/** Opens a file by its path, or makes it. */
export async function openFile(
  opener: Opener,
  path: ByteString,
  flags: OpenFlags,
  mode: number,
): Promise<OpenFile> {
  descriptors.check(opener.userId, 1);
  // A name with a slash behind it is never one for a new file.
  const name = flags.create ? withoutSlash(path) : path;
  const follow = !(flags.create && (flags.exclusive || name !== path));
  for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt += 1) {
    const place = opener.places.locate(name, follow);
    try {
      if (name !== path) throw new FsError("EISDIR");
      const file = await openAt(opener, place, flags, mode);
      if (file !== undefined) return file;
    } finally {
      place.close();
    }
  }
  throw new FsError("EBUSY");
}

/** undefined: what stands there changed meanwhile, look again. */
function openAt(
  opener: Opener,
  found: Place,
  flags: OpenFlags,
  mode: number,
): Promise<OpenFile | undefined> {
  const place = afresh(found, beginsAnew(found, flags));
  if (place.isHidden && !flags.create) throw new FsError("ENOENT");
  const { seen } = place;
  if (seen === undefined) {
    if (!flags.create) throw new FsError("ENOENT");
    checkCreate(place, flags);
    return createIn(opener, place, flags, mode);
  }
  if (flags.create && flags.exclusive) throw new FsError("EEXIST");
  if (seen.isDirectory()) throw new FsError("EISDIR");
  // Nothing else is opened: that alone would do something to a pipe or a device.
  if (!seen.isFile()) throw new FsError("EACCES");
  return openAnew(opener, place, flags);
}

/** Under another name where a taken one must not show. */
function createIn(
  opener: Opener,
  asked: Place,
  flags: OpenFlags,
  mode: number,
): Promise<OpenFile | undefined> {
  return createAt(opener, unseen(asked), asked, flags, mode);
}

async function createAt(
  opener: Opener,
  place: Place,
  asked: Place,
  flags: OpenFlags,
  mode: number,
): Promise<OpenFile | undefined> {
  const { ground } = place.mount;
  checkWritable(place);
  const { host } = place;
  ground.disk.expectRoom();
  const { O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  let fd: number | undefined;
  let booked = false;
  try {
    const charge = await opener.books.createFile(ground.id, place, () => {
      const how = access(flags) | O_CREAT | O_EXCL | O_NOFOLLOW;
      // Asked again: the folder may be gone since.
      fd = openSync(place.host, how, mode & PERMISSIONS);
      return { inode: inodeKey(fstatSync(fd, { bigint: true })), size: 0 };
    });
    booked = true;
    remember(place, asked.treePath, charge.inode);
    return await adopt(opener, fd as unknown as number, place, flags, charge);
  } catch (thrown) {
    if (fd === undefined) {
      const isTaken = toFsError(thrown).code === "EEXIST";
      if (isTaken && (asked.isHidden || !flags.exclusive)) return undefined;
    } else if (!booked) {
      // Made, but not booked (the store failed): as if it had not been.
      letGo(fd);
      unlinkSync(host);
    }
    throw told(place, thrown);
  }
}

/** Where files are kept, one that would be emptied is replaced. */
async function openAnew(
  opener: Opener,
  place: Place,
  flags: OpenFlags,
): Promise<OpenFile | undefined> {
  if (!place.mount.ground.trash.isOn) return openExisting(opener, place, flags);
  const fresh = await openFresh(opener.books, place, flags);
  if (fresh === undefined) return openExisting(opener, place, flags);
  opener.contents?.removed(fresh.kept);
  return adopt(opener, fresh.fd, place, flags, fresh.charge);
}

async function openExisting(
  opener: Opener,
  place: Place,
  flags: OpenFlags,
): Promise<OpenFile | undefined> {
  const fd = openFound(place, flags);
  if (fd === undefined) return undefined;
  const { ground } = place.mount;
  let charge: FileCharge | undefined;
  let size = 0;
  try {
    const inspect = (): Inspected => {
      const found = inspectFound(fd, flags, ground.disk);
      checkOpen(place, flags, found);
      size = found.size;
      return found;
    };
    charge = await opener.books.open(ground.id, place.path, inspect, flags.write);
  } finally {
    if (charge === undefined) letGo(fd);
  }
  const file = await adopt(opener, fd, place, flags, charge, size);
  if (!flags.truncate || !flags.write) return file;
  try {
    await file.setStat({ size: 0 });
    return file;
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

/** @param size of a file that was there; without it, it was made just now */
async function adopt(
  opener: Opener,
  fd: number,
  place: Place,
  flags: OpenFlags,
  charge: FileCharge,
  size?: number,
): Promise<HomeFile> {
  const { contents, owner, openThings: open } = opener;
  const { id, disk } = place.mount.ground;
  const watch = flags.write
    ? await contents?.opened(id, charge.inode, fd, size === undefined)
    : undefined;
  const { forget } = open;
  const guard = new Guard(place, isOwn(place, charge.inode));
  const file = new HomeFile(fd, guard, flags, owner, charge, forget, watch, disk, size ?? 0);
  if (open.closed || guard.isGone) {
    await file.close();
    throw new FsError(open.closed ? "EBADF" : "ENOENT");
  }
  open.add(file, 1);
  return file;
}
