import { humanSize } from "../../text/units.ts";
import { type ByteString, display } from "../../vfs/path.ts";
import { type FileSystemStat, S_IFMT, S_IFREG, type UserFileSystem } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import type { QuotaUsage } from "../context.ts";
import { CommandError, reason, UsageError } from "../errors.ts";
import { READING, withFile } from "../files.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { baseName } from "../tree.ts";
import { type Visit, walk } from "../walk.ts";
import { each, isExpected } from "./operands.ts";

const KIB = 1024;

export const du: Command = {
  name: "du",
  summary: "sum up the sizes of files below directories",
  usage: `[-abchks] [-d DEPTH] [PATH]...
Sizes are those of the files' content, as the quota counts them, in KiB, rounded up.

  -a  files too, not only directories
  -b  in bytes
  -c  a total
  -d  print only directories so deep at most
  -h  sizes like 1.5K, 20M
  -s  one sum for each PATH only`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "abcd:hks",
      long: {
        all: "a",
        bytes: "b",
        total: "c",
        "human-readable": "h",
        summarize: "s",
        "apparent-size": "apparent-size",
        "max-depth=": "d",
      },
    });
    const most = options.has("s") ? 0 : maxDepth(options.value("d"));
    const tally = new Tally(call, options, most);
    const operands = options.operands.length === 0 ? ["." as ByteString] : options.operands;
    const status = await each(
      call,
      operands,
      (operand) => `cannot access ${named(operand)}`,
      async (path) => {
        const stat = await call.fs.lstat(call.path(path));
        await walk(call, { path, name: baseName(path), stat }, tally);
      },
    );
    if (options.has("c")) await tally.print(tally.total, "total" as ByteString);
    return Math.max(status, tally.status);
  },
};

function maxDepth(text: ByteString | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`invalid maximum depth '${display(text)}'`);
  return Number(text);
}

/** Files with several names that are remembered, so that each counts once. */
const MAX_LINKED = 65_536;

class Tally {
  readonly #call: Call;
  readonly #options: Options;
  readonly #most: number;
  /** the sums of the directories we are in */
  readonly #sums: number[] = [];
  readonly #linked = new Set<string>();
  total = 0;
  status = 0;

  constructor(call: Call, options: Options, most: number) {
    this.#call = call;
    this.#options = options;
    this.#most = most;
  }

  async other(visit: Visit): Promise<void> {
    const size = await this.#size(visit);
    if (size === undefined) return;
    this.#add(size);
    const shown = visit.depth === 0 || this.#options.has("a");
    if (shown && visit.depth <= this.#most) await this.print(size, visit.path);
  }

  async enter(): Promise<boolean> {
    this.#sums.push(0);
    return true;
  }

  async leave(visit: Visit): Promise<void> {
    const sum = this.#sums.pop() as number;
    this.#add(sum);
    if (visit.depth <= this.#most) await this.print(sum, visit.path);
  }

  async failed({ path, depth }: Visit, thrown: unknown): Promise<void> {
    if (this.#call.signal.aborted || !isExpected(thrown)) throw thrown;
    const why = thrown instanceof CommandError ? thrown.message : reason(thrown);
    await this.#call.complain(`cannot read directory ${named(path)}: ${why}`);
    this.status = 1;
    // No leave() follows.
    const sum = this.#sums.pop() as number;
    this.#add(sum);
    if (depth <= this.#most) await this.print(sum, path);
  }

  async print(size: number, name: ByteString): Promise<void> {
    let text = String(Math.ceil(size / KIB));
    const unit = this.#options.last("bhk");
    if (unit === "b") text = String(size);
    if (unit === "h") text = humanSize(size);
    await this.#call.out.print(`${text}\t${this.#call.shown(name)}\n`);
  }

  #add(size: number): void {
    const inner = this.#sums.length - 1;
    if (inner < 0) this.total += size;
    else this.#sums[inner] = (this.#sums[inner] as number) + size;
  }

  /** undefined when it was counted under another name */
  async #size({ fs, at, stat }: Visit): Promise<number | undefined> {
    if ((stat.mode & S_IFMT) !== S_IFREG) return 0;
    if (stat.nlink === 1 || this.#linked.size >= MAX_LINKED) return stat.size;
    const inode = await inodeOf(fs, at);
    if (inode === undefined) return stat.size;
    if (this.#linked.has(inode)) return undefined;
    this.#linked.add(inode);
    return stat.size;
  }
}

async function inodeOf(fs: UserFileSystem, path: ByteString): Promise<string | undefined> {
  try {
    return await withFile(fs, path, READING, async (file) => file.inode);
  } catch {
    return undefined;
  }
}

interface Space {
  readonly size: number;
  readonly used: number;
  readonly free: number;
}

/** The quota as a disk. What the disk has less than the quota is not free. */
function space({ bavail, frsize, usedBytes, quotaBytes }: FileSystemStat): Space {
  const free = Number(bavail) * frsize;
  return { size: quotaBytes ?? usedBytes + free, used: usedBytes, free };
}

/** Rounded up, as coreutils does it. */
function percent(used: number, whole: number): string {
  return whole === 0 ? "-" : `${Math.ceil((used * 100) / whole)}%`;
}

/** Lines of columns; the first column to the left, the last as it is, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      if (column === row.length - 1) return cell;
      const width = widths[column] as number;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `${cells.join(" ")}\n`;
  });
  return lines.join("");
}

export const df: Command = {
  name: "df",
  summary: "print what is used and free, as of a disk",
  usage: `[-hkiP] [PATH]...
The disk is the home, as large as its quota, or the shared folder that PATH is in.

  -h  sizes like 1.5K, 20M
  -i  numbers of files instead of sizes
  -k  in KiB (it does so anyway)`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "hikP",
      long: { "human-readable": "h", inodes: "i", portability: "P" },
    });
    const title = options.has("i")
      ? ["Filesystem", "Inodes", "IUsed", "IFree", "IUse%", "Mounted on"]
      : options.last("hk") === "h"
        ? ["Filesystem", "Size", "Used", "Avail", "Use%", "Mounted on"]
        : ["Filesystem", "1K-blocks", "Used", "Available", "Use%", "Mounted on"];
    const rows: string[][] = [];
    const status = await each(
      call,
      options.operands.length === 0 ? ["." as ByteString] : options.operands,
      display,
      async (operand) => {
        await call.fs.stat(call.path(operand));
        const stat = await call.fs.fileSystemStat(await call.fs.realPath(call.path(operand)));
        rows.push(options.has("i") ? fileRow(stat) : spaceRow(stat, options));
      },
    );
    if (rows.length > 0) await call.out.print(table([title, ...rows]));
    return status;
  },
};

function spaceRow(stat: FileSystemStat, options: Options): string[] {
  const { size, used, free } = space(stat);
  const shown = (bytes: number, round: (value: number) => number) =>
    options.last("hk") === "h" ? humanSize(bytes) : String(round(bytes / KIB));
  return [
    "moorage",
    shown(size, Math.floor),
    shown(used, Math.ceil),
    shown(free, Math.floor),
    percent(used, used + free),
    display(stat.mountedOn),
  ];
}

function fileRow({ files, ffree, mountedOn }: FileSystemStat): string[] {
  const used = files - ffree;
  const share = percent(Number(used), Number(files));
  return ["moorage", String(files), String(used), String(ffree), share, display(mountedOn)];
}

export const quota: Command = {
  name: "quota",
  summary: "print how much of the quota is used",
  usage: `[-h]
  -h  sizes like 1.5K, 20M instead of bytes`,
  async run(call) {
    const options = parseOptions(call.args, { short: "h", long: { "human-readable": "h" } });
    if (options.operands.length > 0) throw new UsageError("it has no operands");
    const usage = await call.shell.context.usage();
    const size = options.has("h") ? humanSize : String;
    const rows = [
      ["", "used", "limit", "free", "used%"],
      quotaRow("bytes", usage.usedBytes, usage.quotaBytes, size),
      quotaRow("files", usage.usedFiles, usage.quotaFiles, String),
    ];
    await call.out.print(table(rows));
    return isOver(usage) ? 1 : 0;
  },
};

function quotaRow(
  what: string,
  used: number,
  limit: number | null,
  shown: (value: number) => string,
): string[] {
  if (limit === null) return [what, shown(used), "none", "-", "-"];
  return [what, shown(used), shown(limit), shown(Math.max(0, limit - used)), percent(used, limit)];
}

/** quota(1) exits with 1 for a user over quota. */
function isOver(usage: QuotaUsage): boolean {
  const { usedBytes, quotaBytes, usedFiles, quotaFiles } = usage;
  return (
    (quotaBytes !== null && usedBytes > quotaBytes) ||
    (quotaFiles !== null && usedFiles > quotaFiles)
  );
}
