import { type ByteString, display, normalize, ROOT, type VirtualPath } from "../../vfs/path.ts";
import { S_IFMT, S_IFREG, type UserFileSystem } from "../../vfs/types.ts";
import { type Unit, unitOf } from "../blocks.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, reason, UsageError } from "../errors.ts";
import { READING, withFile } from "../files.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { baseName } from "../tree.ts";
import { type Visit, walk } from "../walk.ts";
import { each, isExpected } from "./operands.ts";

export const du: Command = {
  name: "du",
  summary: "sum up the sizes of files below directories",
  usage: `[-abchkmsx] [-B SIZE] [-d DEPTH] [PATH]...
Sizes are those of the files' content, as the quota counts them, in KiB, rounded up.
Shared folders that are in a PATH count, too.

  -a       files too, not only directories
  -B SIZE  in blocks of so many bytes: 1, 4096, K, 1M, GB
  -b       in bytes
  -c       a total
  -d       print only directories so deep at most
  -h       sizes like 1.5K, 20M (--si: in steps of 1000)
  -m       in MiB
  -s       one sum for each PATH only
  -x       without shared folders that are in a PATH`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "aB:bcd:hkmsx",
      long: {
        all: "a",
        "block-size=": "B",
        bytes: "b",
        total: "c",
        "human-readable": "h",
        summarize: "s",
        "apparent-size": "apparent-size",
        "max-depth=": "d",
        "one-file-system": "x",
        si: "H",
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
        tally.start = { path, real: await call.fs.realPath(call.path(path)) };
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

/** How many files with several names are remembered, so that each counts only once. */
const MAX_LINKED = 65_536;

class Tally {
  readonly #call: Call;
  readonly #options: Options;
  readonly #unit: Unit;
  readonly #folders: ReadonlySet<VirtualPath>;
  readonly #most: number;
  /** the sums of the directories we are in */
  readonly #sums: number[] = [];
  readonly #linked = new Set<string>();
  /** the PATH that is summed up: as it was written, and canonical */
  start = { path: "." as ByteString, real: ROOT };
  total = 0;
  status = 0;

  constructor(call: Call, options: Options, most: number) {
    this.#call = call;
    this.#options = options;
    this.#unit = unitOf(options);
    this.#folders = new Set(options.has("x") ? call.fs.mounts() : []);
    this.#most = most;
  }

  async other(visit: Visit): Promise<void> {
    const size = await this.#size(visit);
    if (size === undefined) return;
    this.#add(size);
    const shown = visit.depth === 0 || this.#options.has("a");
    if (shown && visit.depth <= this.#most) await this.print(size, visit.path);
  }

  async enter(visit: Visit): Promise<boolean> {
    if (this.#isLeftOut(visit)) return false;
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
    const text = this.#unit.shown(size, Math.ceil);
    await this.#call.out.print(`${text}\t${this.#call.shown(name)}\n`);
  }

  /** Whether -x leaves this out, because it is a shared folder. */
  #isLeftOut({ path, depth }: Visit): boolean {
    if (this.#folders.size === 0 || depth === 0) return false;
    const { path: written, real } = this.start;
    return this.#folders.has(normalize(`${real}/${path.slice(written.length)}` as ByteString));
  }

  #add(size: number): void {
    const inner = this.#sums.length - 1;
    if (inner < 0) this.total += size;
    else this.#sums[inner] = (this.#sums[inner] as number) + size;
  }

  /** The size of a file; undefined when it was counted under another name. */
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
