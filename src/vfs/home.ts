import { closeSync, constants, fstatSync, openSync, statSync, unlinkSync } from "node:fs";
import { FsError, InstanceError, toFsError } from "../errors.ts";
import { changeAttributes } from "./attributes.ts";
import type { Books, FileCharge, Inspected } from "./books.ts";
import { copyRange } from "./copy.ts";
import { CURSOR_DESCRIPTORS, HomeCursor } from "./cursor.ts";
import { descriptors } from "./descriptors.ts";
import { HomeDirectory } from "./directory.ts";
import * as entries from "./entries.ts";
import { HomeFile } from "./file.ts";
import { existingHome, madeHome, ownerOf } from "./homes.ts";
import { Jail, type Place, type Places, readLinkAt } from "./jail.ts";
import { OpenThings } from "./open-things.ts";
import { access, inspectFound, openFound } from "./opening.ts";
import { type ByteString, components, normalize, type VirtualPath, withoutSlash } from "./path.ts";
import { inodeKey } from "./proc.ts";
import { type Disk, Space } from "./space.ts";
import { checkOwner, OWNER_READ, PERMISSIONS, toFileStat } from "./stat.ts";
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
  readonly books: Books;
  /** is told what becomes of the contents of files */
  readonly contents?: ContentWatch;
  /** the room that is left for new data; without it all there is */
  readonly space?: Space;
}

/** Where nobody says how much room must be left. */
const ALL_ROOM = new Space(() => 0);

const DEFAULT_FILE_MODE = 0o666;
const DEFAULT_DIRECTORY_MODE = 0o777;
const OPEN_ATTEMPTS = 16;

/** Descriptors a directory takes while it is listed: one names it, one reads it. */
const DIRECTORY_DESCRIPTORS = 2;

/**
 * Opens a user's home as a filesystem of its own. One without files is made if missing (0700).
 * Rejects with InstanceError when it is not where it was, or no directory.
 */
export async function openHome(options: HomeOptions): Promise<UserFileSystem> {
  const { root, account, books, contents, space = ALL_ROOM } = options;
  try {
    books.requireHomes();
    const home = existingHome(root, account.name) ?? (await madeHome(options));
    return new HomeFileSystem({
      jail: new Jail(home),
      books,
      userId: account.id,
      owner: ownerOf(account),
      contents,
      disk: space.disk(statSync(home).dev, home),
    });
  } catch (thrown) {
    descriptors.noticed(thrown);
    throw thrown instanceof InstanceError ? thrown : toFsError(thrown);
  }
}

/** What a home's filesystem works with. */
interface Parts extends Omit<entries.Home, "places"> {
  readonly jail: Jail;
  readonly owner: Owner;
}

class HomeFileSystem implements UserFileSystem, entries.Home {
  readonly places: Places;
  readonly books: Books;
  readonly userId: number;
  readonly owner: Owner;
  readonly contents: ContentWatch | undefined;
  readonly disk: Disk;
  readonly #parts: Parts;
  readonly #open: OpenThings;

  /** @param from where relative paths begin, and with what it is open together; else the home */
  constructor(parts: Parts, from?: { readonly places: Places; readonly open: OpenThings }) {
    this.#parts = parts;
    this.places = from?.places ?? parts.jail;
    this.books = parts.books;
    this.userId = parts.userId;
    this.owner = parts.owner;
    this.contents = parts.contents;
    this.disk = parts.disk;
    this.#open = from?.open ?? new OpenThings(parts.userId);
  }

  open(path: ByteString, flags: OpenFlags, mode = DEFAULT_FILE_MODE): Promise<OpenFile> {
    return this.#run(async () => {
      descriptors.check(this.userId, 1);
      // A name with a slash behind it is never one for a new file.
      const name = flags.create ? withoutSlash(path) : path;
      const follow = !(flags.create && (flags.exclusive || name !== path));
      for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt += 1) {
        const place = this.places.locate(name, follow);
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
      const fd = place.reopen();
      try {
        const directory = new HomeDirectory(fd, place.path, this.#open.forget);
        this.#open.add(directory, DIRECTORY_DESCRIPTORS);
        return directory;
      } catch (thrown) {
        closeSync(fd);
        throw thrown;
      }
    });
  }

  stat(path: ByteString): Promise<FileStat> {
    return this.#at(path, true, (place) => toFileStat(place.stat));
  }

  lstat(path: ByteString): Promise<FileStat> {
    return this.#at(path, false, (place) => toFileStat(place.stat));
  }

  setStat(path: ByteString, change: StatChange, follow: boolean): Promise<void> {
    return this.#run(async () => {
      if (change.owner !== undefined) {
        await this.#at(path, follow, (place) => place.stat);
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
      const text = place.name === "" ? undefined : readLinkAt(place.parent, place.name);
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
        const names = components(path).join("/") || ".";
        const place = this.places.locate(
          (path.startsWith("/") ? `/${names}` : names) as ByteString,
          true,
        );
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
      return quotaStat(await this.books.exactUsage(this.userId), this.#parts.jail.disk());
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

  walkFrom(path: ByteString): Promise<HomeCursor> {
    return this.#at(path, true, (place) => {
      if (!fstatSync(place.existing).isDirectory()) throw new FsError("ENOTDIR");
      descriptors.check(this.userId, CURSOR_DESCRIPTORS);
      const parts = this.#parts;
      const open = this.#open;
      const cursor = new HomeCursor({
        jail: parts.jail,
        fd: place.reopen(),
        path: place.path,
        view: (places) => new HomeFileSystem(parts, { places, open }),
        onClose: open.forget,
      });
      open.add(cursor, CURSOR_DESCRIPTORS);
      return cursor;
    });
  }

  /** Of a cursor's view: closes the whole home. */
  async close(): Promise<void> {
    if (this.#open.closed) return;
    await this.#open.close();
    this.#parts.jail.close();
  }

  /** undefined: what stands there changed meanwhile, look again. */
  #openAt(place: Place, flags: OpenFlags, mode: number): Promise<OpenFile | undefined> {
    const { seen } = place;
    if (seen === undefined) {
      if (!flags.create) throw new FsError("ENOENT");
      return this.#createAt(place, flags, mode);
    }
    if (flags.create && flags.exclusive) throw new FsError("EEXIST");
    if (seen.isDirectory()) throw new FsError("EISDIR");
    // Nothing else is opened: that alone would do something to a pipe or a device.
    if (!seen.isFile()) throw new FsError("EACCES");
    return this.#openExisting(place, flags);
  }

  async #createAt(place: Place, flags: OpenFlags, mode: number): Promise<OpenFile | undefined> {
    entries.checkWritable(place);
    this.disk.expectRoom();
    const { O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    let fd: number | undefined;
    let booked = false;
    try {
      const charge = await this.books.createFile(this.userId, place, () => {
        const how = access(flags) | O_CREAT | O_EXCL | O_NOFOLLOW;
        fd = openSync(place.host, how, mode & PERMISSIONS);
        return { inode: inodeKey(fstatSync(fd, { bigint: true })), size: 0 };
      });
      booked = true;
      return await this.#adopt(fd as unknown as number, place, flags, charge);
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

  async #openExisting(place: Place, flags: OpenFlags): Promise<OpenFile | undefined> {
    const fd = openFound(place, flags);
    if (fd === undefined) return undefined;
    let charge: FileCharge | undefined;
    let size = 0;
    try {
      const inspect = (): Inspected => {
        const found = inspectFound(fd, flags, this.disk);
        size = found.size;
        return found;
      };
      charge = await this.books.open(this.userId, place.path, inspect, flags.write);
    } finally {
      if (charge === undefined) closeSync(fd);
    }
    const file = await this.#adopt(fd, place, flags, charge, size);
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
  async #adopt(
    fd: number,
    { path }: Place,
    flags: OpenFlags,
    charge: FileCharge,
    size?: number,
  ): Promise<HomeFile> {
    const { contents, owner, userId } = this;
    const watch = flags.write
      ? await contents?.opened(userId, charge.inode, fd, size === undefined)
      : undefined;
    const { forget } = this.#open;
    const file = new HomeFile(fd, path, flags, owner, charge, forget, watch, this.disk, size ?? 0);
    if (this.#open.closed) {
      await file.close();
      throw new FsError("EBADF");
    }
    this.#open.add(file, 1);
    return file;
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
      const place = this.places.locate(path, follow);
      try {
        return act(place);
      } finally {
        place.close();
      }
    });
  }

  async #run<T>(act: () => T | Promise<T>): Promise<T> {
    if (this.#open.closed) throw new FsError("EBADF");
    try {
      return await act();
    } catch (thrown) {
      descriptors.noticed(thrown);
      throw toFsError(thrown);
    }
  }
}
