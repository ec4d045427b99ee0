import { humanSize } from "../../text/units.ts";
import type { ByteString } from "../../vfs/path.ts";
import {
  type Cursor,
  type FileStat,
  S_IFMT,
  S_IFREG,
  type UserFileSystem,
} from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { inColumns, type Listed, type LongFormat, longLines, shownName } from "../listing.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { type Compare, sortedEntries } from "../sorted.ts";
import { below, isDirectory, isLink } from "../tree.ts";
import { MAX_LEVELS } from "../walk.ts";

/** Two problems of `ls`: something below could not be read; an operand could not. */
const MINOR = 1;
const SERIOUS = 2;

const LAYOUTS = "l1C";

/** Directories that -R still has to list, at most. */
const MAX_WAITING = 100_000;

const HERE = "." as ByteString;

/** A directory to list: `at` is its path in `fs`, `path` what the user would write. */
interface Listable {
  readonly fs: UserFileSystem;
  readonly at: ByteString;
  readonly path: ByteString;
}

/** A directory that -R is in, with the names of those in it that are still to be listed. */
interface Level {
  readonly path: ByteString;
  readonly names: ByteString[];
}

/** One `ls` as it runs. */
class Listing {
  readonly #call: Call;
  readonly #options: Options;
  readonly #format: LongFormat;
  readonly compare: Compare;
  readonly #long: boolean;
  readonly #wanted: (name: ByteString) => boolean;
  #blocks = false;
  status = 0;

  constructor(call: Call, options: Options) {
    this.#call = call;
    this.#options = options;
    this.compare = order(options);
    this.#long = options.last(LAYOUTS) === "l" || options.has("full-time");
    const hidden = options.has("a") || options.has("A");
    this.#wanted = (name) => hidden || !name.startsWith(".");
    this.#format = {
      owner: call.fs.owner,
      human: options.has("h"),
      fullTime: options.has("full-time"),
      now: Math.floor(Date.now() / 1000),
      terminal: call.terminal !== undefined,
    };
  }

  async run(operands: readonly ByteString[]): Promise<void> {
    const files: Listed[] = [];
    const directories: Listed[] = [];
    for (const name of operands) {
      const found = await this.#operand(name);
      if (found === undefined) continue;
      (isDirectory(found.stat) && !this.#options.has("d") ? directories : files).push(found);
    }
    if (files.length > 0) await this.#print(files.sort(this.compare));
    this.#blocks = files.length > 0;
    const titled = operands.length > 1 || this.#options.has("R");
    for (const { name } of directories.sort(this.compare)) await this.#directory(name, titled);
  }

  async #operand(name: ByteString): Promise<Listed | undefined> {
    const call = this.#call;
    try {
      const stat = await call.fs.lstat(call.path(name));
      // A link to a directory is gone into, unless the link itself is to be shown.
      if (!isLink(stat) || this.#long || this.#options.has("d")) return { name, stat };
      const target = await call.look(name, true);
      return { name, stat: isDirectory(target) ? (target as FileStat) : stat };
    } catch (thrown) {
      if (call.signal.aborted) throw thrown;
      await call.complain(`cannot access ${named(name)}: ${reason(thrown)}`);
      this.status = SERIOUS;
      return undefined;
    }
  }

  /** Lists a directory and with -R all below it. Only the names of directories are kept. */
  async #directory(path: ByteString, titled: boolean): Promise<void> {
    const call = this.#call;
    if (!this.#options.has("R")) {
      await this.#listed({ fs: call.fs, at: call.path(path), path }, titled, SERIOUS);
      return;
    }
    let cursor: Cursor;
    try {
      cursor = await call.fs.walkFrom(call.path(path));
    } catch (thrown) {
      return this.#failed(path, thrown, SERIOUS);
    }
    try {
      await this.#below(cursor, path);
    } finally {
      await cursor.close();
    }
  }

  /** Lists the directory where the cursor stands, then each one in it with all below. */
  async #below(cursor: Cursor, start: ByteString): Promise<void> {
    const here = (path: ByteString) => ({ fs: cursor.fs, at: HERE, path });
    const levels: Level[] = [];
    let waiting = 0;
    const list = async (path: ByteString, grave: number): Promise<void> => {
      const found = await this.#listed(here(path), true, grave);
      const names = waiting + found.length > MAX_WAITING ? [] : found;
      levels.push({ path, names: names.reverse() });
      waiting += names.length;
      if (names.length === found.length) return;
      const why = new CommandError(`more than ${MAX_WAITING} directories to go through`);
      await this.#failed(path, why, MINOR);
    };
    await list(start, SERIOUS);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const name = level.names.pop();
      if (name === undefined) {
        levels.pop();
        if (levels.length > 0) await cursor.leave();
        continue;
      }
      waiting -= 1;
      const path = below(level.path, name);
      try {
        if (levels.length > MAX_LEVELS) {
          throw new CommandError(`more than ${MAX_LEVELS} directories deep`);
        }
        await cursor.enter(name);
      } catch (thrown) {
        await this.#failed(path, thrown, MINOR);
        continue;
      }
      await list(path, MINOR);
    }
  }

  /** Lists one directory. @returns the names of the directories in it, where those are wanted */
  async #listed(place: Listable, titled: boolean, grave: number): Promise<ByteString[]> {
    const found: ByteString[] = [];
    try {
      for await (const batch of this.#batches(place, titled)) {
        if (!this.#options.has("R")) continue;
        for (const { name, stat } of batch) {
          if (isDirectory(stat) && name !== "." && name !== "..") found.push(name);
        }
      }
    } catch (thrown) {
      await this.#failed(place.path, thrown, grave);
    }
    return found;
  }

  async #failed(path: ByteString, thrown: unknown, grave: number): Promise<void> {
    if (this.#call.signal.aborted) throw thrown;
    const why = thrown instanceof CommandError ? thrown.message : reason(thrown);
    await this.#call.complain(`cannot open directory ${named(path)}: ${why}`);
    this.status = Math.max(this.status, grave);
  }

  async *#batches(place: Listable, titled: boolean): AsyncGenerator<Listed[]> {
    const call = this.#call;
    let first = true;
    const options = { compare: this.compare, wanted: this.#wanted, fs: place.fs };
    for await (const entries of sortedEntries(call, place.at, options)) {
      const batch: Listed[] = entries;
      if (first) {
        if (this.#options.has("a")) await this.#addDots(place, batch);
        const gap = this.#blocks ? "\n" : "";
        if (titled) await call.out.print(`${gap}${this.#shown(place.path)}:\n`);
        if (this.#long) await call.out.print(`total ${this.#total(batch)}\n`);
        this.#blocks = true;
        first = false;
      }
      await this.#print(batch, place);
      yield batch;
    }
  }

  async #addDots({ fs, at, path }: Listable, batch: Listed[]): Promise<void> {
    const own = await fs.stat(at);
    // Of a directory deep in a tree the one above it can't be named.
    const above = this.#call.path(below(path, ".." as ByteString));
    const parent = await this.#call.fs.stat(above).catch(() => own);
    batch.push({ name: HERE, stat: own }, { name: ".." as ByteString, stat: parent });
    batch.sort(this.compare);
  }

  /** Of the files' sizes: what they take on the server's disk is not the user's concern. */
  #total(batch: readonly Listed[]): string {
    let kib = 0;
    for (const { stat } of batch) {
      if ((stat.mode & S_IFMT) === S_IFREG) kib += Math.ceil(stat.size / 1024);
    }
    return this.#options.has("h") ? humanSize(kib * 1024) : String(kib);
  }

  /** @param place the directory that holds them; absent: their names are paths */
  async #print(entries: readonly Listed[], place?: Listable): Promise<void> {
    const { out, terminal } = this.#call;
    let lines: Iterable<string>;
    if (this.#long) lines = longLines(await this.#withTargets(entries, place), this.#format);
    else {
      const names = entries.map(({ name }) => this.#shown(name));
      const layout = this.#options.last(LAYOUTS) ?? (terminal === undefined ? "1" : "C");
      lines = layout === "C" ? inColumns(names, terminal?.columns ?? 80) : names;
    }
    for (const line of lines) {
      await this.#call.step();
      await out.print(`${line}\n`);
    }
  }

  async #withTargets(entries: readonly Listed[], place?: Listable): Promise<Listed[]> {
    const call = this.#call;
    const found: Listed[] = [];
    for (const entry of entries) {
      await call.step();
      if (!isLink(entry.stat)) {
        found.push(entry);
        continue;
      }
      const { fs, at } = place ?? { fs: call.fs, at: call.shell.directory };
      const path = at === HERE || entry.name.startsWith("/") ? entry.name : below(at, entry.name);
      found.push({ ...entry, target: await fs.readLink(path).catch(() => undefined) });
    }
    return found;
  }

  #shown(name: ByteString): ByteString {
    return shownName(name, this.#format.terminal);
  }
}

function order(options: Options): Compare {
  const sign = options.has("r") ? -1 : 1;
  const key = options.last("tS");
  return (a, b) => {
    let difference = 0;
    if (key === "t") difference = b.stat.mtime - a.stat.mtime;
    if (key === "S") difference = b.stat.size - a.stat.size;
    if (difference === 0) difference = a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    return sign * difference;
  };
}

export const ls: Command = {
  name: "ls",
  summary: "list files and directories",
  usage: `[-1aAdhlrRStC] [PATH]...
  -1  one name a line
  -a  names that begin with '.' too
  -A  the same, but for . and ..
  -C  in columns (on a terminal by itself)
  -d  a directory itself, not what is in it
  -h  with -l: sizes like 1.5K, 20M
  -l  permissions, links, owner, group, size, date
  -r  in reverse order
  -R  with everything below
  -S  largest first
  -t  newest first
      --full-time  like -l, with complete dates`,
  usageStatus: SERIOUS,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "1aAdhlrRStC",
      long: {
        all: "a",
        "almost-all": "A",
        directory: "d",
        "human-readable": "h",
        reverse: "r",
        recursive: "R",
        "full-time": "full-time",
      },
    });
    const listing = new Listing(call, options);
    const operands = options.operands.length === 0 ? ["." as ByteString] : options.operands;
    await listing.run(operands);
    return listing.status;
  },
};
