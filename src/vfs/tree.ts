import { Access } from "../access/access.ts";
import { OwnUploads } from "./own-uploads.ts";
import { type ByteString, ROOT, type VirtualPath } from "./path.ts";
import type { Disk } from "./space.ts";
import type { Trash } from "./trash.ts";

/** A user's home or a shared folder: what is in it counts to its book. */
export interface Ground {
  /** of its row in the store */
  readonly id: number;
  /** of its directory in homes/: a folder's begins with "@" */
  readonly name: string;
  /** its directory, open (O_PATH) */
  readonly fd: number;
  readonly disk: Disk;
  /** what becomes of what is removed in it */
  readonly trash: Trash;
  /** Gives it back: whoever got it does so once. */
  close(): void;
}

/** Where a ground is in a tree. A user's home is mounted at "/". */
export interface Mount {
  readonly at: VirtualPath;
  readonly ground: Ground;
  readonly tree: Tree;
}

/** What a user sees as one: the home, with folders mounted into it, and the rules of access. */
export class Tree {
  readonly home: Mount;
  /** what this session uploaded where it may not change anything */
  readonly own = new OwnUploads();
  /** clients neither see nor name the trash; who settles the books does */
  readonly hidesTrash: boolean;
  #mounts = new Map<string, Mount>();
  #access = new Access([]);
  #isPlain = true;
  #version = 0;
  #isClosed = false;

  constructor(home: Ground, { hidesTrash = true }: { readonly hidesTrash?: boolean } = {}) {
    this.hidesTrash = hidesTrash;
    this.home = { at: ROOT, ground: home, tree: this };
  }

  /** The home alone, with nothing ruled. */
  get isPlain(): boolean {
    return this.#isPlain;
  }

  /** Another one after each change of folders or rules. */
  get version(): number {
    return this.#version;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get access(): Access {
    return this.#access;
  }

  get mounts(): readonly Mount[] {
    return [...this.#mounts.values()];
  }

  mountAt(path: VirtualPath): Mount | undefined {
    return this.#mounts.get(path);
  }

  /** Whether it is still there: a folder can be taken away at any time. */
  has(mount: Mount): boolean {
    return mount === this.home || this.#mounts.get(mount.at) === mount;
  }

  /** The mount that a path is below or at. */
  mountOf(path: VirtualPath): Mount {
    for (let at: string = path; at !== "" && at !== "/"; at = at.slice(0, at.lastIndexOf("/"))) {
      const mount = this.#mounts.get(at);
      if (mount !== undefined) return mount;
    }
    return this.home;
  }

  /** Whether a name can't be moved or removed: rules or a folder hang on it. */
  isFixed(path: VirtualPath): boolean {
    if (this.#access.isFixed(path)) return true;
    return this.mounts.some(({ at }) => at === path || at.startsWith(`${path}/`));
  }

  /** Names in a directory that lead to folders, or to what rules let the user use. */
  namesIn(path: VirtualPath): ByteString[] {
    const names = new Set<string>(this.#access.passagesIn(path));
    for (const { at } of this.#mounts.values()) {
      const end = at.lastIndexOf("/");
      if ((at.slice(0, end) || "/") === path) names.add(at.slice(end + 1));
    }
    return [...names] as ByteString[];
  }

  /**
   * From now on these folders are in it, and these rules count.
   * @param folders as they are mounted; what is open in one that stays is not disturbed
   */
  change(folders: readonly { at: VirtualPath; ground: Ground }[], access: Access): void {
    const before = this.#mounts;
    this.#mounts = new Map();
    for (const { at, ground } of folders) {
      const old = before.get(at);
      const stays = old !== undefined && old.ground === ground;
      this.#mounts.set(at, stays ? old : { at, ground, tree: this });
    }
    for (const mount of before.values()) if (!this.has(mount)) mount.ground.close();
    this.#access = access;
    this.#version += 1;
    this.#isPlain = this.#mounts.size === 0 && access.isFree;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.change([], this.#access);
    this.home.ground.close();
  }
}

/** The path inside the mount's ground. */
export function pathIn({ at }: Mount, treePath: VirtualPath): VirtualPath {
  return at === ROOT ? treePath : ((treePath.slice(at.length) || ROOT) as VirtualPath);
}

/** The path as the audit trail has it: in a folder, below the folder's name. */
export function recorded(mount: Mount, treePath: VirtualPath): VirtualPath {
  if (mount === mount.tree.home) return treePath;
  const name = mount.ground.name as VirtualPath;
  const inside = pathIn(mount, treePath);
  return inside === ROOT ? name : (`${name}${inside}` as VirtualPath);
}
