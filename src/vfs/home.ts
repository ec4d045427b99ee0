import { fstatSync } from "node:fs";
import { FsError, InstanceError, toFsError } from "../errors.ts";
import { changeAttributes } from "./attributes.ts";
import type { Books } from "./books.ts";
import { copyRange } from "./copy.ts";
import { CURSOR_DESCRIPTORS, HomeCursor } from "./cursor.ts";
import { descriptors } from "./descriptors.ts";
import { HomeDirectory } from "./directory.ts";
import * as entries from "./entries.ts";
import { checkAttributes, checkSpace, Guard, shownStat, showsSpace } from "./guard.ts";
import { ownerOf } from "./homes.ts";
import { diskOf, Jail, type Places, readLinkAt } from "./jail.ts";
import { letGo } from "./let-go.ts";
import { type Opener, openFile } from "./open-file.ts";
import { OpenThings } from "./open-things.ts";
import { type ByteString, components, normalize, ROOT, type VirtualPath } from "./path.ts";
import type { Place } from "./place.ts";
import { homeGround, parentsOf, replant, type TreeParts } from "./plan.ts";
import { checkOwner, OWNER_READ } from "./stat.ts";
import { quotaStat } from "./statvfs.ts";
import { recorded, Tree } from "./tree.ts";
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
import { TreeTrash } from "./user-trash.ts";
import type { ContentWatch } from "./watch.ts";

export interface HomeOptions extends TreeParts {
  readonly account: { readonly id: number; readonly name: string };
  /** is told what becomes of the contents of files */
  readonly contents?: ContentWatch;
}

const DEFAULT_FILE_MODE = 0o666;
const DEFAULT_DIRECTORY_MODE = 0o777;

/** Descriptors a directory takes while it is listed: one names it, one reads it. */
const DIRECTORY_DESCRIPTORS = 2;

/**
 * Opens a user's home as a filesystem of its own. One without files is made if missing (0700).
 * Rejects with InstanceError when it is not where it was, or no directory.
 */
export async function openHome(options: HomeOptions): Promise<UserFileSystem> {
  const { account } = options;
  try {
    const tree = new Tree(await homeGround(options, account));
    const home = new HomeFileSystem({
      jail: new Jail(tree),
      books: options.books,
      userId: account.id,
      owner: ownerOf(account),
      contents: options.contents,
      trees: options,
    });
    try {
      await home.reload();
    } catch (thrown) {
      await home.close();
      throw thrown;
    }
    return home;
  } catch (thrown) {
    descriptors.noticed(thrown);
    throw thrown instanceof InstanceError ? thrown : toFsError(thrown);
  }
}

/** What a home's filesystem works with. */
interface Parts extends Omit<entries.Home, "places"> {
  readonly jail: Jail;
  readonly userId: number;
  readonly owner: Owner;
  readonly trees: TreeParts;
}

class HomeFileSystem implements UserFileSystem, Opener {
  readonly places: Places;
  readonly books: Books;
  readonly userId: number;
  readonly owner: Owner;
  readonly contents: ContentWatch | undefined;
  readonly #parts: Parts;
  readonly openThings: OpenThings;
  #reloading: Promise<void> = Promise.resolve();

  /** @param from where relative paths begin, and with what it is open together; else the home */
  constructor(parts: Parts, from?: { readonly places: Places; readonly open: OpenThings }) {
    this.#parts = parts;
    this.places = from?.places ?? parts.jail;
    this.books = parts.books;
    this.userId = parts.userId;
    this.owner = parts.owner;
    this.contents = parts.contents;
    this.openThings = from?.open ?? new OpenThings(parts.userId);
  }

  open(path: ByteString, flags: OpenFlags, mode = DEFAULT_FILE_MODE): Promise<OpenFile> {
    return this.#run(() => openFile(this, path, flags, mode));
  }

  get trash(): TreeTrash {
    const { jail, books, contents } = this.#parts;
    return new TreeTrash({ places: jail, books, contents }, jail.tree);
  }

  openDirectory(path: ByteString): Promise<OpenDirectory> {
    return this.#at(path, true, (place) => {
      const stat = fstatSync(place.existing);
      if (!stat.isDirectory()) throw new FsError("ENOTDIR");
      if ((stat.mode & OWNER_READ) === 0) throw new FsError("EACCES");
      descriptors.check(this.userId, DIRECTORY_DESCRIPTORS);
      const fd = place.reopen();
      try {
        const guard = new Guard(place);
        const directory = new HomeDirectory(fd, guard, this.openThings.forget);
        this.openThings.add(directory, DIRECTORY_DESCRIPTORS);
        return directory;
      } catch (thrown) {
        letGo(fd);
        throw thrown;
      }
    });
  }

  stat(path: ByteString): Promise<FileStat> {
    return this.#at(path, true, (place) => shownStat(place, place.stat));
  }

  lstat(path: ByteString): Promise<FileStat> {
    return this.#at(path, false, (place) => shownStat(place, place.stat));
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
    return this.#changing(() => entries.remove(this, path));
  }

  makeDirectory(path: ByteString, mode = DEFAULT_DIRECTORY_MODE): Promise<void> {
    return this.#changing(() => entries.makeDirectory(this, path, mode));
  }

  removeDirectory(path: ByteString): Promise<void> {
    return this.#changing(() => entries.removeDirectory(this, path));
  }

  rename(from: ByteString, to: ByteString, replace: boolean): Promise<void> {
    return this.#changing(() => entries.rename(this, from, to, replace));
  }

  readLink(path: ByteString): Promise<ByteString> {
    return this.#at(path, false, (place) => {
      const text = place.name === "" ? undefined : readLinkAt(place.parent, place.name);
      if (text === undefined) throw new FsError("EINVAL", "not a symbolic link");
      return text;
    });
  }

  symlink(target: ByteString, link: ByteString): Promise<void> {
    return this.#changing(() => entries.symlink(this, target, link));
  }

  hardLink(existing: ByteString, link: ByteString): Promise<void> {
    return this.#changing(() => entries.hardLink(this, existing, link));
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
        if (place.isHidden) throw new FsError("ENOENT");
        return place.treePath;
      } catch (thrown) {
        const code = toFsError(thrown).code;
        if (code !== "ENOENT" && code !== "ENOTDIR") throw thrown;
        return normalize(path);
      }
    });
  }

  fileSystemStat(path = ROOT): Promise<FileSystemStat> {
    return this.#run(async () => {
      const mount = this.#parts.jail.tree.mountOf(path);
      checkSpace(mount);
      // The folder may be taken away while the books are asked.
      const disk = diskOf(mount);
      return quotaStat(await this.books.exactUsage(mount.ground.id), disk, mount.at);
    });
  }

  mounts(): readonly VirtualPath[] {
    const { mounts } = this.#parts.jail.tree;
    const folders = mounts.filter(showsSpace).map(({ at }) => at);
    return [ROOT, ...folders.sort()];
  }

  recorded(path: ByteString): VirtualPath | undefined {
    const { tree } = this.#parts.jail;
    if (tree.mounts.length === 0) return undefined;
    try {
      const place = this.places.locate(path, false);
      place.close();
      return place.mount === tree.home ? undefined : recorded(place.mount, place.treePath);
    } catch {
      return undefined;
    }
  }

  /** One after the other: the last plan is the one that counts. */
  reload(): Promise<void> {
    const { jail, trees } = this.#parts;
    const again = this.#reloading.then(async () => {
      if (this.openThings.closed) return;
      await replant(trees, jail.tree, (path) => this.#makeParents(path));
      if (!jail.tree.isPlain) this.openThings.relocate();
      await this.openThings.closeGone();
    });
    this.#reloading = again.catch(() => undefined);
    return again;
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
      const open = this.openThings;
      const cursor = new HomeCursor({
        jail: parts.jail,
        fd: place.reopen(),
        path: place.treePath,
        mount: place.mount,
        view: (places) => new HomeFileSystem(parts, { places, open }),
        onClose: open.forget,
      });
      open.add(cursor, CURSOR_DESCRIPTORS);
      return cursor;
    });
  }

  /** Of a cursor's view: closes the whole home. */
  async close(): Promise<void> {
    if (this.openThings.closed) return;
    await this.openThings.close();
    // It makes directories by the home's descriptor, which must not be another home's by then.
    await this.#reloading;
    this.#parts.jail.close();
  }

  #change(place: Place, change: StatChange): Promise<void> | undefined {
    checkAttributes(place, change);
    const { contents } = this;
    const before = contents && fstatSync(place.existing, { bigint: true });
    this.books.requireTouch();
    changeAttributes(place, change);
    return before && contents.touched(before, place.existing, change.times?.mtime);
  }

  /** Makes the directories that lead to a folder: it was put there by an admin, whatever rules say. */
  async #makeParents(path: VirtualPath): Promise<void> {
    const { jail, books, contents } = this.#parts;
    const places = new Jail(new Tree(jail.tree.home.ground));
    for (const parent of parentsOf(path)) {
      const place = places.locate(parent, false);
      const isMissing = place.seen === undefined;
      place.close();
      if (isMissing)
        await entries.makeDirectory({ places, books, contents }, parent, DEFAULT_DIRECTORY_MODE);
    }
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
        if (place.isHidden) throw new FsError("ENOENT");
        return act(place);
      } finally {
        place.close();
      }
    });
  }

  #changing(act: () => Promise<void>): Promise<void> {
    return this.#run(() => {
      this.books.requireTouch();
      return act();
    });
  }

  async #run<T>(act: () => T | Promise<T>): Promise<T> {
    if (this.openThings.closed) throw new FsError("EBADF");
    try {
      return await act();
    } catch (thrown) {
      descriptors.noticed(thrown);
      throw toFsError(thrown);
    }
  }
}
