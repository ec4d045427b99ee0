import { fstatSync, lstatSync, mkdirSync, openSync, symlinkSync, unlinkSync } from "node:fs";
import { existingHome } from "./homes.ts";
import { letGo } from "./let-go.ts";
import { type ByteString, toBuffer, type VirtualPath } from "./path.ts";
import { below, DIRECTORY, inodeKey } from "./proc.ts";
import { MAX_ORIGIN_BYTES, newId, originOf, successorOf, TRASH, trashPath } from "./trash-names.ts";

/** Nobody but the server reads it. */
const MODE = 0o700;

/** How long what is removed stays, where nothing else is set for a home; in milliseconds, 0: not at all. */
export type ServerKeep = () => number;

/** The trash of a home or folder. */
export class Trash {
  /** milliseconds, as it is set for this home or by its groups; null: what the server's settings say */
  own: number | null = null;
  readonly #ground: number;
  readonly #server: ServerKeep;
  #isUsable: boolean | undefined;

  /** @param ground the home's directory, open: stays the caller's to close */
  constructor(ground: number, server: ServerKeep) {
    this.#ground = ground;
    this.#server = server;
  }

  /** Whether what is removed is kept. */
  get isOn(): boolean {
    return (this.own ?? this.#server()) > 0;
  }

  /**
   * Makes ready to keep a file.
   * @param path that it has in its home
   * @returns undefined where nothing can be kept: then it is removed as if there were no trash
   */
  prepare(path: VirtualPath): Keeping | undefined {
    if (path.length > MAX_ORIGIN_BYTES) return undefined;
    let fd: number | undefined;
    try {
      fd = openTrash(this.#ground) ?? this.#make();
      if (!this.#isSafe(fd)) throw new Error("names are not what they seem here");
      const keeping = new Keeping(fd, newId());
      symlinkSync(toBuffer(path), keeping.origin);
      return keeping;
    } catch {
      if (fd !== undefined) letGo(fd);
      return undefined;
    }
  }

  #make(): number {
    try {
      mkdirSync(below(this.#ground, TRASH), MODE);
    } catch (thrown) {
      // Another session or process made it a moment ago: that is as good.
      if ((thrown as { code?: string }).code !== "EEXIST") throw thrown;
    }
    return openSync(below(this.#ground, TRASH), DIRECTORY);
  }

  /** Where capitals make no other name, clients could name it by another spelling. */
  #isSafe(fd: number): boolean {
    this.#isUsable ??= !isTwin(this.#ground, fd);
    return this.#isUsable;
  }
}

function isTwin(ground: number, trash: number): boolean {
  const other = below(ground, TRASH.toUpperCase() as ByteString);
  const stat = lstatSync(other, { bigint: true, throwIfNoEntry: false });
  return stat !== undefined && inodeKey(stat) === inodeKey(fstatSync(trash, { bigint: true }));
}

/** A file that is about to be kept: its names, and the open trash. Close it. */
export class Keeping {
  readonly id: ByteString;
  readonly #fd: number;

  /** @param fd the trash: from now on this object's to close */
  constructor(fd: number, id: ByteString) {
    this.#fd = fd;
    this.id = id;
  }

  /** As the books have it. */
  get path(): VirtualPath {
    return trashPath(this.id);
  }

  get host(): string | Buffer {
    return below(this.#fd, this.id);
  }

  /** What says where it was. */
  get origin(): string | Buffer {
    return below(this.#fd, originOf(this.id));
  }

  /** What takes the place of the file, until it does. */
  get successor(): { readonly path: VirtualPath; readonly host: string | Buffer } {
    const name = successorOf(this.id);
    return { path: trashPath(name), host: below(this.#fd, name) };
  }

  /** @param isKept false: it was not, nothing is left of the preparation */
  close(isKept: boolean): void {
    if (!isKept) dropOrigin(this.#fd, this.id);
    letGo(this.#fd);
  }
}

/** What says where a file was that is not in the trash any more. */
export function dropOrigin(trash: number, id: ByteString): void {
  try {
    unlinkSync(below(trash, originOf(id)));
  } catch {
    // Another process was faster, or the next chore does it.
  }
}

/**
 * The trash of a home, open (O_PATH); undefined: there is none.
 * @param ground the home's directory, open
 */
export function openTrash(ground: number): number | undefined {
  try {
    return openSync(below(ground, TRASH), DIRECTORY);
  } catch (thrown) {
    // A link would lead out of the home. Whoever put that or a file there has no trash.
    if (NONE.has((thrown as { code?: string }).code ?? "")) return undefined;
    throw thrown;
  }
}

const NONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/** The same of a home by its name. */
export function openTrashOf(root: string, name: string): number | undefined {
  const home = existingHome(root, name);
  if (home === undefined) return undefined;
  const ground = openSync(home, DIRECTORY);
  try {
    return openTrash(ground);
  } finally {
    letGo(ground);
  }
}

/** Whether a directory is the one that a home begins with. @param ground open, as the directory */
export function isTop(directory: number, ground: number): boolean {
  const key = (fd: number): string => inodeKey(fstatSync(fd, { bigint: true }));
  return key(directory) === key(ground);
}
