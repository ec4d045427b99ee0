import { type BigIntStats, fstatSync, lstatSync, openSync, unlinkSync } from "node:fs";
import { toFsError } from "../errors.ts";
import type { BookedFile, EntryChange, FileState, Inspected, Witness } from "./books.ts";
import { openGround } from "./ground.ts";
import { existingHome } from "./homes.ts";
import { Jail } from "./jail.ts";
import { letGo } from "./let-go.ts";
import { type ByteString, bytes } from "./path.ts";
import { below, DIRECTORY, inodeKey } from "./proc.ts";
import { dropOrigin } from "./trash.ts";
import { Tree } from "./tree.ts";
import { type Found, walk } from "./walk.ts";

/** The homes that are looked at. */
export interface Homes {
  /** the instance's directory */
  readonly root: string;
  /** Throws InstanceError where no homes are: then nothing says what became of what was in them. */
  requireHomes(): void;
}

/** It is only looked at: no book is asked. */
const NOBODYS = 0;

/** What the disk shows of what was under way when a process died. */
export class Evidence implements Witness {
  readonly #homes: Homes;

  constructor(homes: Homes) {
    this.#homes = homes;
  }

  /** Whether the change was made: the entry was made, moved, or is gone. */
  happened(change: EntryChange, userName: string): boolean {
    const standing = this.standing(change, userName);
    if (change.kind === "create") return standing !== undefined;
    if (change.kind === "rename") return standing?.inode === change.moved;
    return standing?.inode !== change.victim?.inode;
  }

  standing(change: EntryChange, userName: string): Inspected | undefined {
    return this.#inHome(userName, (jail, home) => standingAt(jail, home, change));
  }

  undo({ kept }: EntryChange, userName: string): void {
    if (kept !== undefined) this.#inHome(userName, (jail) => dropTwin(jail, bytes(kept)));
  }

  /** What became of a file that was open, by its path, or where that fails by a search. */
  outcome(file: BookedFile): FileState {
    const gone: FileState = { size: 0, linked: false };
    const standing = this.#inHome(file.userName, (jail) => look(jail, bytes(file.path)));
    const found = standing?.inode === file.inode ? standing : undefined;
    if (found !== undefined) return { size: found.size, linked: true };
    // Removed; or its path was not the whole one, or another process moved it just as this one died:
    // then only a search can tell.
    return file.unlinked ? gone : (this.#searched(file) ?? gone);
  }

  #inHome<T>(userName: string, act: (jail: Jail, home: string) => T): T | undefined {
    this.#homes.requireHomes();
    const home = existingHome(this.#homes.root, userName);
    if (home === undefined) return undefined;
    const ground = openGround({ id: NOBODYS, name: userName }, home);
    const jail = new Jail(new Tree(ground, { hidesTrash: false }));
    try {
      return act(jail, home);
    } finally {
      jail.close();
    }
  }

  #searched({ userName, inode }: BookedFile): FileState | undefined {
    const home = existingHome(this.#homes.root, userName);
    return search(home, inode, ({ stat }) => ({ size: Number(stat.size), linked: true }));
  }
}

/** A file was to be kept by another name, and has both. */
function dropTwin(jail: Jail, path: ByteString): void {
  const place = jail.locate(path, false);
  try {
    if ((place.seen?.nlink ?? 0) < 2) return;
    unlinkSync(place.host);
    dropOrigin(place.parent, place.name);
  } finally {
    place.close();
  }
}

/** Says what an open file is, whenever that is asked. */
export function stateOf(fd: number): () => FileState {
  return () => {
    const { size, nlink } = fstatSync(fd);
    return { size, linked: nlink > 0 };
  };
}

interface Standing {
  readonly inode: string;
  readonly size: number;
  /** the inode of the directory that holds it */
  readonly inside: string;
}

/** What stands at a change's name. Where its path leads elsewhere, its directory is looked for. */
function standingAt(jail: Jail, home: string, { path, inside }: EntryChange): Standing | undefined {
  const standing = look(jail, bytes(path));
  if (inside === undefined || standing?.inside === inside) return standing;
  const end = path.lastIndexOf("/");
  // Mostly the directory is where it was, and does not have the name.
  const parent = bytes(path.subarray(0, Math.max(1, end)));
  if (look(jail, parent)?.inode === inside) return undefined;
  const directory = search(home, inside, ({ host }) => openSync(host, DIRECTORY));
  if (directory === undefined) return undefined;
  try {
    const name = bytes(path.subarray(end + 1));
    const stat = lstatSync(below(directory, name), { bigint: true, throwIfNoEntry: false });
    return stat && standingOf(stat, inside);
  } finally {
    letGo(directory);
  }
}

function look(jail: Jail, path: ByteString): Standing | undefined {
  try {
    const place = jail.locate(path, false);
    try {
      if (place.target === undefined) return undefined;
      const inside = inodeKey(fstatSync(place.parent, { bigint: true }));
      return standingOf(fstatSync(place.target, { bigint: true }), inside);
    } finally {
      place.close();
    }
  } catch (thrown) {
    const { code } = toFsError(thrown);
    if (NOWHERE.has(code)) return undefined;
    throw thrown;
  }
}

/** A path that leads nowhere, or is one that no client may name. */
const NOWHERE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

function standingOf(stat: BigIntStats, inside: string): Standing {
  return { inode: inodeKey(stat), size: stat.isFile() ? Number(stat.size) : 0, inside };
}

/** Looks through a whole home. Undefined: it is not there. */
function search<T>(
  home: string | undefined,
  inode: string,
  found: (found: Found) => T,
): T | undefined {
  for (const one of home === undefined ? [] : walk(home)) {
    if (one !== undefined && inodeKey(one.stat) === inode) return found(one);
  }
  return undefined;
}
