import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from "node:fs";
import { encodeName } from "../../text/names.ts";
import { FileError } from "../errors.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** With it a name is looked up in a directory that is open, whatever became of its path. */
const HAS_PROC = existsSync("/proc/self/fd");

/** A name that the server sent is one part of a path and nothing else. */
export function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

/** A directory on this machine that is open; what is done in it follows no link. */
export class LocalDirectory {
  readonly #fd: number;
  readonly #path: Buffer;
  /** it was not there before */
  readonly made: boolean;

  private constructor(fd: number, path: Buffer, made = false) {
    this.#fd = fd;
    this.#path = path;
    this.made = made;
  }

  /** The directory that the person named; links in its path are followed. */
  static open(path: string): LocalDirectory {
    const bytes = encodeName(path);
    return new LocalDirectory(openSync(bytes, O_RDONLY | O_DIRECTORY), bytes);
  }

  /** A directory in it, not through a link; made with `mode` less the umask where it is missing. */
  child(name: string, mode: number): LocalDirectory {
    const path = this.path(name);
    const own = join2(this.#path, name);
    // Most are there: those that can't be made again would cost an error each.
    const made = this.lstat(name) === undefined && make(path, mode);
    return new LocalDirectory(openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), own, made);
  }

  /** What is in it. */
  entries(): Dirent<Buffer>[] {
    const path = HAS_PROC ? `/proc/self/fd/${this.#fd}` : this.#path;
    return readdirSync(path, { withFileTypes: true, encoding: "buffer" });
  }

  /** The way to a name in it. @throws FileError for what is no name of a file */
  path(name: string): Buffer {
    if (!isPlainName(name)) throw new FileError(`${JSON.stringify(name)} is not a file's name`);
    return HAS_PROC
      ? Buffer.concat([Buffer.from(`/proc/self/fd/${this.#fd}/`), encodeName(name)])
      : join2(this.#path, name);
  }

  /** undefined where there is nothing. */
  lstat(name: string): Stats | undefined {
    return lstatSync(this.path(name), { throwIfNoEntry: false });
  }

  /** Opens a file that is there for writing and reading. @throws FileError for no file */
  openFile(name: string): number {
    const fd = openSync(this.path(name), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw new FileError(`${name}: is in the way and not a file`);
  }

  /**
   * Makes a file for writing and reading. Undefined when something has the name already.
   * @param mode less the umask
   */
  createFile(name: string, mode = 0o600): number | undefined {
    try {
      return openSync(this.path(name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
      throw error;
    }
  }

  rename(from: string, to: string): void {
    renameSync(this.path(from), this.path(to));
  }

  remove(name: string): void {
    const path = this.path(name);
    // A call that fails costs more than one that looks.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) rmSync(path, { force: true });
  }

  setTimes(atime: number, mtime: number): void {
    futimesSync(this.#fd, atime, mtime);
  }

  setMode(mode: number): void {
    fchmodSync(this.#fd, mode);
  }

  /** permission bits */
  get mode(): number {
    return fstatSync(this.#fd).mode & 0o7777;
  }

  get fd(): number {
    return this.#fd;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** False when somebody else was quicker. */
function make(path: Buffer, mode: number): boolean {
  try {
    mkdirSync(path, mode);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  }
}

function join2(directory: Buffer, name: string): Buffer {
  return Buffer.concat([directory, Buffer.from("/"), encodeName(name)]);
}

/**
 * Runs `work` in the directory below `top` that the parts name; each is made where it is missing.
 * @param mode of those that are made, less the umask
 */
export async function inDirectory<T>(
  top: string,
  parts: readonly string[],
  work: (directory: LocalDirectory) => Promise<T> | T,
  mode = 0o777,
): Promise<T> {
  let directory = LocalDirectory.open(top);
  try {
    for (const part of parts) {
      const next = directory.child(part, mode);
      directory.close();
      directory = next;
    }
    return await work(directory);
  } finally {
    directory.close();
  }
}

/** Directories that are kept open at once. */
const MOST_OPEN = 8;

/** Directories of one job that are used again and again: each stays open until others are. */
export class LocalPlaces {
  readonly #open = new Map<string, LocalDirectory>();

  /** Valid until the caller waits for something. @throws the system's error */
  at(top: string, parts: readonly string[]): LocalDirectory {
    const key = [top, ...parts].join("/");
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    let directory = LocalDirectory.open(top);
    for (const part of parts) {
      try {
        const next = directory.child(part, 0o777);
        directory.close();
        directory = next;
      } catch (error) {
        directory.close();
        throw error;
      }
    }
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= MOST_OPEN) {
      this.#open.get(oldest)?.close();
      this.#open.delete(oldest);
    }
    this.#open.set(key, directory);
    return directory;
  }

  close(): void {
    for (const directory of this.#open.values()) directory.close();
    this.#open.clear();
  }
}

/** What tells whether a file was changed: size and modification time to the nanosecond. */
export interface LocalState {
  readonly size: number;
  /** seconds since the epoch */
  readonly mtime: number;
  readonly atime: number;
  readonly mode: number;
  readonly exact: bigint;
}

export function localState(fd: number): LocalState & { readonly isFile: boolean } {
  const stat: BigIntStats = fstatSync(fd, { bigint: true });
  return {
    size: Number(stat.size),
    mtime: Number(stat.mtimeNs / 1_000_000_000n),
    atime: Number(stat.atimeNs / 1_000_000_000n),
    mode: Number(stat.mode & 0o7777n),
    exact: stat.mtimeNs,
    isFile: stat.isFile(),
  };
}

/** Opens a file to be sent. A pipe or a device is refused without waiting for it. */
export function openSource(path: string): number {
  const fd = openSync(encodeName(path), O_RDONLY | O_NONBLOCK);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new FileError(`${path}: not a file`);
}

/** Whether a file whose size is told as 0 has content all the same, as those of /proc. */
export function hasContent(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1), 0, 1, 0) > 0;
  } catch {
    // What can't be read at a position may be readable in turn, or fails then with its name.
    return true;
  }
}

/** Also for a link that leads nowhere. */
export function isThere(path: string): boolean {
  return lstatSync(encodeName(path), { throwIfNoEntry: false }) !== undefined;
}

export function isDirectory(path: string): boolean {
  return statSync(encodeName(path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Of a file; undefined where there is none. */
export function sizeHere(path: string): number | undefined {
  const found = statSync(encodeName(path), { throwIfNoEntry: false });
  return found?.isFile() ? found.size : undefined;
}
