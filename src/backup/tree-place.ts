import {
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import type { Stored } from "../store/snapshot.ts";
import { Ladder } from "../vfs/ladder.ts";
import { letGo } from "../vfs/let-go.ts";
import type { ByteString } from "../vfs/path.ts";
import { below, DIRECTORY, itself } from "../vfs/proc.ts";
import { counts } from "../vfs/trash-names.ts";
import { damaged } from "./errors.ts";
import { partsOf } from "./names.ts";
import type { Entry } from "./tar.ts";

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PERMISSIONS = 0o777;
/** While files are put into a directory. */
const OWN = 0o700;

/** Errors that mean: what is in the way came from the archive, too. */
const IN_THE_WAY = new Set([
  "EEXIST",
  "ENOTDIR",
  "ELOOP",
  "ENOENT",
  "EISDIR",

  "EMLINK",
]);

interface Step {
  readonly name: ByteString;
  readonly entry: Entry;
}

/**
 * Puts the entries of an archive below a directory. Goes by descriptors and through no link, and
 * makes everything anew: no archive writes anywhere else, or over what is there.
 */
export class TreePlace {
  readonly #root: number;
  readonly #ladder: Ladder;
  readonly #homes: boolean;
  /** the directories from the root to where it stands */
  readonly #steps: Step[] = [];
  readonly #stored = new Map<string, { bytes: number; files: number }>();

  /**
   * @param directory the host's path, which is no link
   * @param homes directories only are directly in it
   */
  constructor(directory: string, { homes }: { readonly homes: boolean }) {
    this.#homes = homes;
    this.#root = openSync(directory, DIRECTORY);
    this.#ladder = new Ladder(this.#root);
  }

  /** What was put into each directory directly below the root, by name (UTF-8). */
  get stored(): ReadonlyMap<string, Stored> {
    return this.#stored;
  }

  /**
   * @param path names below the root
   * @param content of a file
   * Rejects with InstanceError when the archive has what it can't have.
   */
  async place(path: readonly ByteString[], entry: Entry, content: AsyncIterable<Buffer>) {
    try {
      this.#goTo(path.slice(0, -1));
      await this.#make(path, entry, content);
    } catch (thrown) {
      const { code } = thrown as { code?: string };
      if (code === undefined || !IN_THE_WAY.has(code)) throw thrown;
      throw damaged(`two of its entries are in each other's way (${code})`);
    }
    this.#count(path, entry);
  }

  /** Leaves all directories as they should be. */
  finish(): void {
    this.#goTo([]);
  }

  close(): void {
    this.#ladder.restart();
    letGo(this.#root);
  }

  async #make(path: readonly ByteString[], entry: Entry, content: AsyncIterable<Buffer>) {
    const name = path.at(-1) as ByteString;
    const at = below(this.#ladder.fd, name);
    const isHome = this.#homes && path.length === 1;
    if (isHome && entry.type !== "directory") throw damaged("a home in it is none");
    if (entry.type === "directory") this.#directory(name, entry);
    else if (entry.type === "file") await writeFile(at, entry, content);
    else if (entry.type === "link") this.#link(path, at, entry);
    else symlink(at, entry);
  }

  #directory(name: ByteString, entry: Entry): void {
    const at = below(this.#ladder.fd, name);
    mkdirSync(at, OWN);
    this.#ladder.down(openSync(at, DIRECTORY));
    this.#steps.push({ name, entry });
  }

  /** Another name of a file of the same home. */
  #link(path: readonly ByteString[], at: string | Buffer, { target }: Entry): void {
    const [, home, ...rest] = partsOf(target);
    const name = rest.pop();
    if (home !== path[0] || name === undefined) throw damaged("a link in it leads out of its home");
    let fd = openSync(below(this.#root, home as ByteString), DIRECTORY);
    try {
      for (const part of rest) {
        const next = openSync(below(fd, part), DIRECTORY);
        letGo(fd);
        fd = next;
      }
      const from = below(fd, name);
      if (!lstatSync(from).isFile()) throw damaged("a link in it leads to no file");
      linkSync(from, at);
    } finally {
      letGo(fd);
    }
  }

  #goTo(path: readonly ByteString[]): void {
    let same = 0;
    while (same < path.length && this.#steps[same]?.name === path[same]) same += 1;
    while (this.#steps.length > same) this.#leave();
    // Each directory is an entry before what is in it, and is left once.
    if (same < path.length) throw damaged("a directory in it is missing");
  }

  #leave(): void {
    const { entry } = this.#steps.pop() as Step;
    const { fd } = this.#ladder;
    const own = openSync(itself(fd), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      // The way up leads through it, and it may be one that can't be passed.
      this.#ladder.up();
      const mode = entry.mode & PERMISSIONS;
      fchmodSync(own, mode);
      futimesSync(own, entry.mtime, entry.mtime);
    } finally {
      letGo(own);
    }
  }

  #count([home = "", ...rest]: readonly string[], { type, size }: Entry): void {
    const name = Buffer.from(home, "latin1").toString("utf8");
    const stored = this.#stored.get(name);
    if (stored === undefined) {
      this.#stored.set(name, { bytes: 0, files: 0 });
      return;
    }
    if (!counts(rest, 1n)) return;
    stored.files += 1;
    if (type === "file") stored.bytes += size;
  }
}

/** Makes a file with a content. @param at a path that nothing else stands at */
export async function writeFile(
  at: string | Buffer,
  { mode, mtime, size }: Pick<Entry, "mode" | "mtime" | "size">,
  content: AsyncIterable<Buffer>,
): Promise<void> {
  const fd = openSync(at, NEW_FILE, 0o600);
  try {
    let written = 0;
    for await (const piece of content) written += writeAll(fd, piece);
    if (written !== size) throw damaged("a file in it is not whole");
    fchmodSync(fd, mode & PERMISSIONS);
    futimesSync(fd, mtime, mtime);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, piece: Buffer): number {
  for (let done = 0; done < piece.length; ) done += writeSync(fd, piece, done);
  return piece.length;
}

function symlink(at: string | Buffer, { target, mtime }: Entry): void {
  if (target === "" || target.includes("\0")) throw damaged("a link in it leads nowhere");
  symlinkSync(Buffer.from(target, "latin1"), at);
  lutimesSync(at, mtime, mtime);
}
