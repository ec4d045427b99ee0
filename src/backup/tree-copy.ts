import { type BigIntStats, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { errorName, FsError } from "../errors.ts";
import { letGo } from "../vfs/let-go.ts";
import type { ByteString } from "../vfs/path.ts";
import { inodeKey } from "../vfs/proc.ts";
import { type Stop, tour } from "../vfs/walk.ts";
import type { ArchiveWriter, EntryGiven } from "./archive-writer.ts";
import { MAX_PATH_BYTES } from "./names.ts";
import { densityOf } from "./packer.ts";
import type { Toll } from "./toll.ts";

/** Read at once. */
const PIECE = 256 * 1024;

/**
 * Bytes of the paths that are remembered for hard links. Beyond them a further name of a file is
 * stored as a file of its own.
 */
const LINKED_BYTES = 64 * 1024 * 1024;

/** As deep as clients make paths: so deep nobody who moves or removes directories is in its way. */
const HELD = 256;

const READING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const ID_LIMIT = 0o7777777;

/** From this size on a file is looked at whether it can be compressed; by a sample of that size. */
const LARGE = 256 * 1024;
const SAMPLE = 16 * 1024;

/** Is told of all that goes into the archive. */
export type OnCopied = (entries: number, bytes: number) => void;

/** Copies a directory of the instance, and all that is in it, into an archive. */
export class TreeCopy {
  readonly #writer: ArchiveWriter;
  readonly #toll: Toll;
  readonly #onCopied: OnCopied;
  readonly #linked = new Map<string, string>();
  #linkedBytes = 0;

  constructor(writer: ArchiveWriter, toll: Toll, onCopied: OnCopied) {
    this.#writer = writer;
    this.#toll = toll;
    this.#onCopied = onCopied;
  }

  /**
   * @param directory the host's path, which is no link
   * @param name bytes: what it is called in the archive
   */
  async copy(directory: string | Buffer, name: string): Promise<void> {
    const unreadable = (path: readonly ByteString[], thrown: unknown): void =>
      this.#toll.failed([name, ...path].join("/"), thrown);
    this.#linked.clear();
    this.#linkedBytes = 0;
    let top: BigIntStats;
    try {
      top = fstatOf(directory);
    } catch (thrown) {
      return this.#toll.failed(name, thrown);
    }
    await this.#writer.add({ type: "directory", name, ...kept(top) });
    const stops = tour(directory, { unreadable, held: HELD });
    try {
      for (let stop = this.#next(stops, name); stop !== "end"; stop = this.#next(stops, name)) {
        if (stop !== undefined) await this.#stop(stop, [name, ...stop.path].join("/"));
      }
    } finally {
      stops.return();
    }
  }

  /** Where the tour can't go on, it ends. */
  #next(stops: ReturnType<typeof tour>, name: string): Stop | undefined | "end" {
    try {
      const { value, done } = stops.next();
      return done === true ? "end" : (value as Stop | undefined);
    } catch (thrown) {
      const moved = thrown instanceof FsError && thrown.code === "EBUSY";
      const what = moved ? "a directory was moved meanwhile" : errorName(thrown);
      this.#toll.add("unread", name, `${what}: not all of it is in the backup, run it again`);
      return "end";
    }
  }

  async #stop(stop: Stop, path: string): Promise<void> {
    if (path.length > MAX_PATH_BYTES) {
      const short = `${path.slice(0, 200)}…`;
      if (stop.kind === "entry") this.#toll.add("unread", short, "its path is too long");
      return;
    }
    if (stop.kind === "entered") await this.#entry({ type: "directory", name: path }, stop.stat);
    // A directory comes when it is gone into.
    else if (!stop.stat.isDirectory()) await this.#other(stop, path);
  }

  async #other({ stat, host }: Stop, path: string): Promise<void> {
    if (stat.isSymbolicLink()) await this.#symlink(stat, host, path);
    else if (stat.isFile()) await this.#file(host, path);
    else this.#toll.add("skipped", path, "no file, directory or link");
  }

  async #symlink(stat: BigIntStats, host: string | Buffer, name: string): Promise<void> {
    let target: string;
    try {
      target = readlinkSync(host, { encoding: "latin1" });
    } catch (thrown) {
      return this.#toll.failed(name, thrown);
    }
    await this.#entry({ type: "symlink", name, target }, stat);
  }

  async #file(host: string | Buffer, name: string): Promise<void> {
    let fd: number;
    try {
      fd = openSync(host, READING);
    } catch (thrown) {
      return this.#toll.failed(name, thrown);
    }
    try {
      await this.#opened(fd, name);
    } finally {
      letGo(fd);
    }
  }

  async #opened(fd: number, name: string): Promise<void> {
    const stat = fstatSync(fd, { bigint: true });
    if (!stat.isFile()) return this.#toll.add("vanished", name, "replaced before it was read");
    const key = stat.nlink > 1n ? inodeKey(stat) : undefined;
    const first = key === undefined ? undefined : this.#linked.get(key);
    if (first !== undefined) return this.#entry({ type: "link", name, target: first }, stat);
    const size = Number(stat.size);
    const { unread } = this.#toll.counts;
    await this.#writer.change(size < LARGE ? "loose" : densityOf(sampleOf(fd)));
    await this.#writer.add(
      { type: "file", name, size, ...kept(stat) },
      this.#content(fd, name, stat),
    );
    // Its other names are read for themselves, and told, when this one could not be.
    const isWhole = this.#toll.counts.unread === unread;
    if (key !== undefined && isWhole) this.#remember(key, name);
    this.#onCopied(1, size);
  }

  #remember(key: string, name: string): void {
    this.#linkedBytes += key.length + name.length;
    if (this.#linkedBytes <= LINKED_BYTES) this.#linked.set(key, name);
  }

  /** As many bytes as the file had when it was opened; what it lacks by then is zeros. */
  *#content(fd: number, name: string, before: BigIntStats): Generator<Buffer, void, void> {
    let left = Number(before.size);
    while (left > 0) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, left));
      const read = this.#read(fd, piece, name);
      if (read === 0) break;
      left -= read;
      yield piece.subarray(0, read);
    }
    const after = fstatSync(fd, { bigint: true });
    if (after.mtimeNs !== before.mtimeNs || after.size !== before.size) {
      this.#toll.add("changed", name, "written to while it was read");
    }
    for (; left > 0; left -= Math.min(PIECE, left)) yield Buffer.alloc(Math.min(PIECE, left));
  }

  /** @returns 0 at the end, and where the disk fails */
  #read(fd: number, piece: Buffer, name: string): number {
    try {
      return readSync(fd, piece);
    } catch (thrown) {
      this.#toll.failed(name, thrown);
      return 0;
    }
  }

  async #entry(entry: EntryGiven, stat: BigIntStats): Promise<void> {
    await this.#writer.add({ ...entry, ...kept(stat) });
    this.#onCopied(1, 0);
  }
}

/** From the middle of a file's beginning: many begin with a description. */
function sampleOf(fd: number): Buffer {
  const sample = Buffer.allocUnsafe(SAMPLE);
  try {
    return sample.subarray(0, readSync(fd, sample, 0, SAMPLE, LARGE / 2));
  } catch {
    // It is told when the file is read.
    return Buffer.alloc(0);
  }
}

function fstatOf(directory: string | Buffer): BigIntStats {
  const fd = openSync(directory, READING | constants.O_DIRECTORY);
  try {
    return fstatSync(fd, { bigint: true });
  } finally {
    letGo(fd);
  }
}

/** What an archive keeps of a file besides its content. */
function kept(stat: BigIntStats) {
  const id = (value: bigint): number => (value > ID_LIMIT ? 0 : Number(value));
  return {
    mode: Number(stat.mode & 0o7777n),
    mtime: Math.floor(Number(stat.mtimeMs) / 1000),
    uid: id(stat.uid),
    gid: id(stat.gid),
  };
}
