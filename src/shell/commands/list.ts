import type { ByteString } from "../../vfs/path.ts";
import { type FileStat, S_IFMT, S_IFREG } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { inColumns, type Listed, type LongFormat, longLines, shownName } from "../listing.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { humanSize } from "../sizes.ts";
import { type Compare, sortedEntries } from "../sorted.ts";
import { below, isDirectory, isLink, MAX_DEPTH } from "../tree.ts";

/** Two problems of `ls`: something below could not be read; an operand could not. */
const MINOR = 1;
const SERIOUS = 2;

const LAYOUTS = "l1C";

/** Directories that -R still has to list, at most. */
const MAX_WAITING = 100_000;

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
    if (files.length > 0) await this.#print(files.sort(this.compare), "" as ByteString);
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
  async #directory(start: ByteString, titled: boolean): Promise<void> {
    const waiting: { path: ByteString; depth: number }[] = [{ path: start, depth: 0 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { path, depth } = next;
      try {
        if (depth > MAX_DEPTH) throw new CommandError(`more than ${MAX_DEPTH} directories deep`);
        const found: { path: ByteString; depth: number }[] = [];
        for await (const batch of this.#batches(path, titled)) {
          if (!this.#options.has("R")) continue;
          for (const { name, stat } of batch) {
            if (isDirectory(stat) && name !== "." && name !== "..") {
              found.push({ path: below(path, name), depth: depth + 1 });
            }
          }
        }
        if (waiting.length + found.length > MAX_WAITING) {
          throw new CommandError(`more than ${MAX_WAITING} directories to go through`);
        }
        for (let last = found.pop(); last !== undefined; last = found.pop()) waiting.push(last);
      } catch (thrown) {
        if (this.#call.signal.aborted) throw thrown;
        const why = thrown instanceof CommandError ? thrown.message : reason(thrown);
        await this.#call.complain(`cannot open directory ${named(path)}: ${why}`);
        this.status = Math.max(this.status, depth === 0 ? SERIOUS : MINOR);
      }
    }
  }

  async *#batches(path: ByteString, titled: boolean): AsyncGenerator<Listed[]> {
    const call = this.#call;
    const absolute = call.path(path);
    let first = true;
    const options = { compare: this.compare, wanted: this.#wanted };
    for await (const entries of sortedEntries(call, absolute, options)) {
      const batch: Listed[] = entries;
      if (first) {
        if (this.#options.has("a")) await this.#addDots(absolute, batch);
        const gap = this.#blocks ? "\n" : "";
        if (titled) await call.out.print(`${gap}${this.#shown(path)}:\n`);
        if (this.#long) await call.out.print(`total ${this.#total(batch)}\n`);
        this.#blocks = true;
        first = false;
      }
      await this.#print(batch, absolute);
      yield batch;
    }
  }

  async #addDots(path: ByteString, batch: Listed[]): Promise<void> {
    const { fs } = this.#call;
    for (const name of [".", ".."] as ByteString[]) {
      batch.push({ name, stat: await fs.stat(below(path, name)) });
    }
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

  async #print(entries: readonly Listed[], directory: ByteString): Promise<void> {
    const { out, terminal } = this.#call;
    let lines: Iterable<string>;
    if (this.#long) lines = longLines(await this.#withTargets(entries, directory), this.#format);
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

  async #withTargets(entries: readonly Listed[], directory: ByteString): Promise<Listed[]> {
    const call = this.#call;
    const found: Listed[] = [];
    for (const entry of entries) {
      await call.step();
      const path = directory === "" ? call.path(entry.name) : below(directory, entry.name);
      const target = isLink(entry.stat)
        ? await call.fs.readLink(path).catch(() => undefined)
        : undefined;
      found.push({ ...entry, target });
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
