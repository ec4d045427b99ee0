import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { join as joinHost } from "node:path";
import { FsError, toFsError } from "../errors.ts";
import type { Ledger, Reservation } from "../quota/ledger.ts";
import { copyRange } from "./copy.ts";
import { descriptors } from "./descriptors.ts";
import { HomeDirectory } from "./directory.ts";
import * as entries from "./entries.ts";
import { checkOwner, HomeFile, PERMISSIONS, toFileStat } from "./file.ts";
import { inodeKey, itself, Jail, O_PATH, type Place, readLinkAt } from "./jail.ts";
import { type ByteString, components, normalize, type VirtualPath, withoutSlash } from "./path.ts";
import { quotaStat } from "./statvfs.ts";
import type {
  FileStat,
  FileSystemStat,
  OpenDirectory,
  OpenFile,
  OpenFlags,
  Owner,
  StatChange,
  UserFileSystem,
} from "./types.ts";
import type { ContentWatch } from "./watch.ts";

export interface HomeOptions {
  /** the instance's directory */
  readonly root: string;
  readonly account: { readonly id: number; readonly name: string };
  readonly ledger: Ledger;
  /** is told what becomes of the contents of files */
  readonly contents?: ContentWatch;
}

const DEFAULT_FILE_MODE = 0o666;
const DEFAULT_DIRECTORY_MODE = 0o777;
const OWNER_READ = 0o400;
const OWNER_WRITE = 0o200;
const OPEN_ATTEMPTS = 16;

/** Descriptors a directory takes while it is listed: one names it, one reads it. */
const DIRECTORY_DESCRIPTORS = 2;

/** Virtual user IDs start where Linux distributions start those of people. */
const FIRST_UID = 1000;

/** The host's path of a user's home. */
export function homeOf(root: string, name: string): string {
  return joinHost(root, "homes", name);
}

export function ownerOf(account: { readonly id: number; readonly name: string }): Owner {
  const uid = FIRST_UID + account.id;
  return { uid, gid: uid, user: account.name, group: account.name };
}

/** Opens a user's home (made if missing, 0700) as a filesystem of its own. */
export async function openHome(options: HomeOptions): Promise<UserFileSystem> {
  const { root, account, ledger, contents } = options;
  try {
    const home = homeOf(root, account.name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    return new HomeFileSystem(new Jail(home), ledger, account.id, ownerOf(account), contents);
  } catch (thrown) {
    throw toFsError(thrown);
  }
}

class HomeFileSystem implements UserFileSystem, entries.Home {
  readonly jail: Jail;
  readonly ledger: Ledger;
  readonly userId: number;
  readonly owner: Owner;
  readonly contents: ContentWatch | undefined;
  /** with the descriptors each takes */
  readonly #open = new Map<OpenFile | OpenDirectory, number>();
  readonly #forget = (closed: OpenFile | OpenDirectory): void => {
    const taken = this.#open.get(closed);
    if (taken !== undefined) descriptors.give(this.userId, taken);
    this.#open.delete(closed);
  };
  #closed = false;

  constructor(
    jail: Jail,
    ledger: Ledger,
    userId: number,
    owner: Owner,
    contents: ContentWatch | undefined,
  ) {
    this.jail = jail;
    this.ledger = ledger;
    this.userId = userId;
    this.owner = owner;
    this.contents = contents;
  }

  open(path: ByteString, flags: OpenFlags, mode = DEFAULT_FILE_MODE): Promise<OpenFile> {
    return this.#run(async () => {
      descriptors.check(this.userId, 1);
      // A name with a slash behind it is never one for a new file.
      const name = flags.create ? withoutSlash(path) : path;
      const follow = !(flags.create && (flags.exclusive || name !== path));
      for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt += 1) {
        const place = this.jail.locate(name, follow);
        try {
          if (name !== path) throw new FsError("EISDIR");
          const file = await this.#openAt(place, flags, mode);
          if (file !== undefined) return file;
        } finally {
          place.close();
        }
      }
      throw new FsError("EBUSY");
    });
  }

  openDirectory(path: ByteString): Promise<OpenDirectory> {
    return this.#at(path, true, (place) => {
      const stat = fstatSync(place.existing);
      if (!stat.isDirectory()) throw new FsError("ENOTDIR");
      if ((stat.mode & OWNER_READ) === 0) throw new FsError("EACCES");
      descriptors.check(this.userId, DIRECTORY_DESCRIPTORS);
      const fd = openSync(itself(place.existing), O_PATH | constants.O_DIRECTORY);
      try {
        const directory = new HomeDirectory(fd, place.path, this.#forget);
        this.#keep(directory, DIRECTORY_DESCRIPTORS);
        return directory;
      } catch (thrown) {
        closeSync(fd);
        throw thrown;
      }
    });
  }

  stat(path: ByteString): Promise<FileStat> {
    return this.#at(path, true, (place) => toFileStat(fstatSync(place.existing)));
  }

  lstat(path: ByteString): Promise<FileStat> {
    return this.#at(path, false, (place) => toFileStat(fstatSync(place.existing)));
  }

  setStat(path: ByteString, change: StatChange, follow: boolean): Promise<void> {
    return this.#run(async () => {
      if (change.owner !== undefined) {
        await this.#at(path, follow, (place) => place.existing);
        checkOwner(change, this.owner);
      }
      if (change.size !== undefined) await this.#resize(path, change.size);
      await this.#at(path, follow, (place) => this.#change(place, change));
    });
  }

  remove(path: ByteString): Promise<void> {
    return this.#run(() => entries.remove(this, path));
  }

  makeDirectory(path: ByteString, mode = DEFAULT_DIRECTORY_MODE): Promise<void> {
    return this.#run(() => entries.makeDirectory(this, path, mode));
  }

  removeDirectory(path: ByteString): Promise<void> {
    return this.#run(() => entries.removeDirectory(this, path));
  }

  rename(from: ByteString, to: ByteString, replace: boolean): Promise<void> {
    return this.#run(() => entries.rename(this, from, to, replace));
  }

  readLink(path: ByteString): Promise<ByteString> {
    return this.#at(path, false, (place) => {
      const isName = place.existing !== undefined && place.name !== "";
      const text = isName ? readLinkAt(place.parent, place.name) : undefined;
      if (text === undefined) throw new FsError("EINVAL", "not a symbolic link");
      return text;
    });
  }

  symlink(target: ByteString, link: ByteString): Promise<void> {
    return this.#run(() => entries.symlink(this, target, link));
  }

  hardLink(existing: ByteString, link: ByteString): Promise<void> {
    return this.#run(() => entries.hardLink(this, existing, link));
  }

  realPath(path: ByteString): Promise<VirtualPath> {
    return this.#run(() => {
      try {
        // Also of a file with a slash behind it.
        const place = this.jail.locate(components(path).join("/") as ByteString, true);
        place.close();
        return place.path;
      } catch (thrown) {
        const code = toFsError(thrown).code;
        if (code !== "ENOENT" && code !== "ENOTDIR") throw thrown;
        return normalize(path);
      }
    });
  }

  fileSystemStat(): Promise<FileSystemStat> {
    return this.#run(async () => {
      return quotaStat(await this.ledger.exactUsage(this.userId), this.jail.disk());
    });
  }

  copy(
    source: OpenFile,
    sourcePosition: number,
    length: number,
    target: OpenFile,
    targetPosition: number,
    progress?: (bytes: number) => void,
  ): Promise<number> {
    const range = { source, sourcePosition, length, target, targetPosition, progress };
    return this.#run(() => copyRange(range));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closing = [...this.#open.keys()].map((open) => open.close());
    await Promise.allSettled(closing);
    this.jail.close();
  }

  /** undefined: what stands there changed meanwhile, look again. */
  #openAt(place: Place, flags: OpenFlags, mode: number): Promise<OpenFile | undefined> {
    if (place.target === undefined) {
      if (!flags.create) throw new FsError("ENOENT");
      return this.#createAt(place, flags, mode);
    }
    if (flags.create && flags.exclusive) throw new FsError("EEXIST");
    return this.#openExisting(place, place.target, flags);
  }

  async #createAt(place: Place, flags: OpenFlags, mode: number): Promise<OpenFile | undefined> {
    entries.checkWritable(place);
    const { O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    let fd: number | undefined;
    let booked = false;
    try {
      const reservation = await this.ledger.createFile(this.userId, place.path, () => {
        const how = access(flags) | O_CREAT | O_EXCL | O_NOFOLLOW;
        fd = openSync(place.host, how, mode & PERMISSIONS);
        return { inode: inodeKey(fstatSync(fd, { bigint: true })), size: 0 };
      });
      booked = true;
      return await this.#adopt(fd as unknown as number, place, flags, reservation, true);
    } catch (thrown) {
      if (fd === undefined) {
        if (toFsError(thrown).code === "EEXIST" && !flags.exclusive) return undefined;
      } else if (!booked) {
        // Made, but not booked (the store failed): as if it had not been.
        closeSync(fd);
        unlinkSync(place.host);
      }
      throw thrown;
    }
  }

  async #openExisting(place: Place, target: number, flags: OpenFlags) {
    const stat = fstatSync(target);
    if (stat.isDirectory()) throw new FsError("EISDIR");
    if (!stat.isFile()) throw new FsError("EACCES");
    const wanted = (flags.read ? OWNER_READ : 0) | (flags.write ? OWNER_WRITE : 0);
    if ((stat.mode & wanted) !== wanted) throw new FsError("EACCES");
    const reservation = await this.ledger.open(this.userId, place.path, () => {
      const now = fstatSync(target, { bigint: true });
      if (now.nlink === 0n) throw new FsError("ENOENT");
      return { inode: inodeKey(now), size: Number(now.size) };
    });
    let fd: number;
    try {
      fd = openSync(itself(target), access(flags));
    } catch (thrown) {
      await reservation.settle(target);
      throw thrown;
    }
    const file = await this.#adopt(fd, place, flags, reservation, false);
    if (!flags.truncate || !flags.write) return file;
    try {
      await file.setStat({ size: 0 });
      return file;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  async #adopt(
    fd: number,
    { path }: Place,
    flags: OpenFlags,
    reservation: Reservation,
    fresh: boolean,
  ): Promise<HomeFile> {
    const { contents, owner, userId } = this;
    const watch = flags.write
      ? await contents?.opened(userId, reservation.inode, fd, fresh)
      : undefined;
    const file = new HomeFile(fd, path, flags, owner, reservation, this.#forget, watch);
    if (this.#closed) {
      await file.close();
      throw new FsError("EBADF");
    }
    this.#keep(file, 1);
    return file;
  }

  #keep(open: OpenFile | OpenDirectory, taken: number): void {
    descriptors.take(this.userId, taken);
    this.#open.set(open, taken);
  }

  #change(place: Place, change: StatChange): Promise<void> | undefined {
    const { contents } = this;
    const before = contents && fstatSync(place.existing, { bigint: true });
    changeAttributes(place, change);
    return before && contents.touched(before, place.existing, change.times?.mtime);
  }

  async #resize(path: ByteString, size: number): Promise<void> {
    const file = await this.open(path, {
      read: false,
      write: true,
      append: false,
      create: false,
      truncate: false,
      exclusive: false,
    });
    try {
      await file.setStat({ size });
    } finally {
      await file.close();
    }
  }

  #at<T>(path: ByteString, follow: boolean, act: (place: Place) => T): Promise<T> {
    return this.#run(() => {
      const place = this.jail.locate(path, follow);
      try {
        return act(place);
      } finally {
        place.close();
      }
    });
  }

  async #run<T>(act: () => T | Promise<T>): Promise<T> {
    if (this.#closed) throw new FsError("EBADF");
    try {
      return await act();
    } catch (thrown) {
      throw toFsError(thrown);
    }
  }
}

function access(flags: OpenFlags): number {
  if (!flags.write) return constants.O_RDONLY;
  return flags.read ? constants.O_RDWR : constants.O_WRONLY;
}

function changeAttributes(place: Place, change: StatChange): void {
  const target = place.existing;
  const stat = fstatSync(target);
  const link = stat.isSymbolicLink();
  if (change.permissions !== undefined) {
    // Linux has no permissions on links.
    if (link) throw new FsError("EOPNOTSUPP");
    const permissions = change.permissions & PERMISSIONS;
    chmodSync(itself(target), stat.isDirectory() ? permissions | entries.OWN_WAY : permissions);
  }
  if (change.times !== undefined) {
    const { atime, mtime } = change.times;
    if (link) lutimesSync(place.host, atime, mtime);
    else utimesSync(itself(target), atime, mtime);
  }
}
