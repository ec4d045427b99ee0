import { constants, openSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { FsError, toFsError } from "../errors.ts";
import { type Home, makeDirectory, move } from "./entries.ts";
import { denied } from "./guard.ts";
import { letGo } from "./let-go.ts";
import { type ByteString, join, ROOT, type VirtualPath } from "./path.ts";
import { Place } from "./place.ts";
import { parentsOf } from "./plan.ts";
import { itself, O_PATH } from "./proc.ts";
import { dropOrigin, openTrash } from "./trash.ts";
import { type Kept, keptAt, pages } from "./trash-list.ts";
import { isId, TRASH } from "./trash-names.ts";
import { removeFrom } from "./trash-room.ts";
import type { Mount, Tree } from "./tree.ts";
import type { RestoreOptions, TrashedFile, UserTrash } from "./types.ts";

/** Files that are looked at in one turn of the event loop. */
const FILES_PER_TURN = 64;

const DIRECTORY_MODE = 0o777;

/** Where files go whose path is lost. */
const LOST = "restored-" as ByteString;

/** The trash of a user's home and of the folders in it, by the rules that count where the files were. */
export class TreeTrash implements UserTrash {
  readonly #home: Home;
  readonly #tree: Tree;

  constructor(home: Home, tree: Tree) {
    this.#home = home;
    this.#tree = tree;
  }

  async *list(after?: string): AsyncGenerator<TrashedFile, void, void> {
    const last = after as ByteString | undefined;
    for (const mount of [this.#tree.home, ...this.#tree.mounts]) yield* this.#listIn(mount, last);
  }

  async *#listIn(
    mount: Mount,
    after: ByteString | undefined,
  ): AsyncGenerator<TrashedFile, void, void> {
    const trash = openTrash(mount.ground.fd);
    if (trash === undefined) return;
    try {
      let looked = 0;
      for await (const page of pages(trash, after)) {
        for (const id of page) {
          looked += 1;
          if (looked % FILES_PER_TURN === 0) await turn();
          // The folder may be taken away meanwhile.
          if (!this.#tree.has(mount)) return;
          const kept = this.#keptAt(trash, id);
          const path = kept && treePathOf(mount, kept);
          if (kept === undefined || path === undefined || !this.#mayRead(path)) continue;
          yield { id, path, removedAt: kept.removedAt, size: kept.size };
        }
      }
    } finally {
      letGo(trash);
    }
  }

  async restore(id: string, { to, replace = false }: RestoreOptions = {}): Promise<VirtualPath> {
    return this.#with(id, async (trash, mount, kept) => {
      const from = treePathOf(mount, kept);
      this.#check(from);
      const path = to ?? from;
      if (to === undefined) await this.#makeParents(from);
      const target = this.#home.places.locate(path, false);
      try {
        this.#checkTarget(mount, target);
        const source = sourceAt(trash, mount, kept.id);
        await this.#moveTo(source, target, replace);
        dropOrigin(trash, kept.id);
        return target.treePath;
      } finally {
        target.close();
      }
    });
  }

  async #moveTo(source: Place, target: Place, replace: boolean): Promise<void> {
    try {
      if (replace && target.seen?.isDirectory()) throw new FsError("EISDIR");
      await move(this.#home, source, target, replace, [false, false]);
    } finally {
      source.close();
    }
  }

  async remove(id: string): Promise<TrashedFile> {
    return this.#with(id, async (trash, mount, kept) => {
      const path = treePathOf(mount, kept);
      this.#check(path);
      const size = await removeFrom(this.#home.books, mount.ground.id, trash, kept.id);
      if (size === undefined) throw new FsError("ENOENT");
      return { id: kept.id, path, removedAt: kept.removedAt, size };
    });
  }

  /** Runs `act` for a file in one of the trashes. @throws FsError ENOENT */
  async #with<T>(
    id: string,
    act: (trash: number, mount: Mount, kept: Kept) => Promise<T>,
  ): Promise<T> {
    if (!isId(id)) throw new FsError("ENOENT", "that is no ID of a file in the trash");
    for (const mount of [this.#tree.home, ...this.#tree.mounts]) {
      const trash = openTrash(mount.ground.fd);
      if (trash === undefined) continue;
      try {
        const kept = this.#keptAt(trash, id);
        if (kept !== undefined) return await act(trash, mount, kept);
      } catch (thrown) {
        throw toFsError(thrown);
      } finally {
        letGo(trash);
      }
    }
    throw new FsError("ENOENT", "that is not in the trash any more");
  }

  /** A file of which nobody knows where it was may be one that rules hide. */
  #keptAt(trash: number, id: ByteString): Kept | undefined {
    const kept = keptAt(trash, id);
    return kept?.path === undefined && !this.#tree.isPlain ? undefined : kept;
  }

  /** Names are seen where files are. */
  #mayRead(path: VirtualPath): boolean {
    const { isPlain, access } = this.#tree;
    return isPlain || (access.isVisible(path) && access.rights(path).read);
  }

  /** Who may remove something where it was may bring it back, or remove it for good. */
  #check(path: VirtualPath): void {
    if (this.#tree.isPlain || this.#tree.access.rights(path).change) return;
    throw this.#mayRead(path) ? denied() : new FsError("ENOENT");
  }

  #checkTarget(mount: Mount, target: Place): void {
    if (target.mount !== mount) {
      throw new FsError("EXDEV", "a file is restored in the home or folder that it was in");
    }
    if (this.#tree.isPlain) return;
    const rights = this.#tree.access.rights(target.treePath);
    const mayBe = target.seen === undefined ? rights.create : rights.create && rights.change;
    if (target.isHidden || this.#tree.isFixed(target.treePath) || !mayBe) throw denied();
  }

  /** A directory that is gone is made again, by the rules for making one. */
  async #makeParents(path: VirtualPath): Promise<void> {
    for (const parent of parentsOf(path)) {
      const place = this.#home.places.locate(parent, false);
      const isMissing = place.seen === undefined && !place.isHidden;
      place.close();
      if (isMissing) await makeDirectory(this.#home, parent, DIRECTORY_MODE);
    }
  }
}

/** Where it was in the user's tree. */
function treePathOf({ at }: Mount, { id, path }: Kept): VirtualPath {
  const inside = path ?? join(ROOT, `${LOST}${id}` as ByteString);
  return at === ROOT ? inside : (`${at}${inside}` as VirtualPath);
}

/** The file in the trash, to be moved from there. */
function sourceAt(trash: number, mount: Mount, id: ByteString): Place {
  const parent = openSync(itself(trash), O_PATH | constants.O_DIRECTORY);
  const path = join(join(mount.at, TRASH), id);
  return new Place(parent, id, path, mount, [parent]);
}
