import { FsError } from "../../errors.ts";
import type { ByteString } from "../../vfs/path.ts";
import type { FileStat, OpenFile } from "../../vfs/types.ts";
import { S_IFMT, S_IFREG } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { KEEPING, READING, withFile } from "../files.ts";
import { unlessAborted } from "../io.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { baseName, isDirectory, isLink, type Visit, type Visitor, walk } from "../tree.ts";
import { each, isExpected, type Pair, pairs, placeOf } from "./operands.ts";

const PERMISSIONS = 0o777;

export const cp: Command = {
  name: "cp",
  summary: "copy files, with -r directories too",
  usage: `[-fnprTv] SOURCE TARGET
   or: cp [-fnprv] SOURCE... DIRECTORY
  -n  don't replace what is there
  -p  keep permissions and times
  -r  copy directories with all that is in them; links are copied as links
  -T  TARGET is never a directory to copy into
  -v  say what is copied`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "afnprRTv",
      long: {
        archive: "a",
        force: "f",
        "no-clobber": "n",
        recursive: "r",
        "no-target-directory": "T",
        verbose: "v",
      },
    });
    let failures = 0;
    const status = await each(
      call,
      await pairs(call, options.operands, options.has("T")),
      ({ from }) => `cannot copy ${named(from)}`,
      async (pair) => {
        failures += await copyOperand(call, pair, options);
      },
    );
    return failures > 0 ? 1 : status;
  },
};

async function copyOperand(call: Call, { from, to }: Pair, options: Options): Promise<number> {
  const recursive = options.has("r") || options.has("R") || options.has("a");
  const stat = await call.look(from, !recursive);
  if (stat === undefined) {
    throw new CommandError(`cannot stat ${named(from)}: No such file or directory`);
  }
  if (isDirectory(stat)) {
    if (!recursive) {
      throw new CommandError(`-r not specified; omitting directory ${named(from)}`);
    }
    const source = await call.fs.realPath(call.path(from));
    const target = await placeOf(call, to);
    if (`${target}/`.startsWith(source === "/" ? source : `${source}/`)) {
      throw new CommandError(`cannot copy a directory, ${named(from)}, into itself, ${named(to)}`);
    }
  }
  const copier = new Copier(call, options, from, to);
  await walk(call, { path: from, name: baseName(from), stat, depth: 0 }, copier);
  return copier.failures;
}

class Copier implements Visitor {
  readonly #call: Call;
  readonly #options: Options;
  readonly #keep: boolean;
  readonly #from: ByteString;
  readonly #to: ByteString;
  failures = 0;

  constructor(call: Call, options: Options, from: ByteString, to: ByteString) {
    this.#call = call;
    this.#options = options;
    this.#keep = options.has("p") || options.has("a");
    this.#from = from;
    this.#to = to;
  }

  /** Where a thing goes: the same way below the target as below the source. */
  #target(path: ByteString): ByteString {
    return (this.#to + path.slice(this.#from.length)) as ByteString;
  }

  async other(visit: Visit): Promise<void> {
    const to = this.#target(visit.path);
    try {
      const there = await this.#call.look(to, false);
      if (there !== undefined && this.#options.has("n")) return;
      if (isDirectory(there)) {
        throw new CommandError(
          `cannot overwrite directory ${named(to)} with non-directory ${named(visit.path)}`,
        );
      }
      await this.#say(visit.path, to);
      if (isLink(visit.stat)) await this.#link(visit.path, to, there);
      else if ((visit.stat.mode & S_IFMT) === S_IFREG) await this.#file(visit, to);
      else throw new FsError("EOPNOTSUPP");
    } catch (thrown) {
      await this.failed(visit.path, thrown);
    }
  }

  async enter({ path, stat }: Visit): Promise<boolean> {
    const to = this.#target(path);
    const { fs } = this.#call;
    try {
      const there = await this.#call.look(to, true);
      if (there === undefined) {
        await this.#say(path, to);
        // Whatever its permissions will be, first it is filled.
        await fs.makeDirectory(this.#call.path(to), (stat.mode & PERMISSIONS) | 0o700);
      } else if (!isDirectory(there)) {
        throw new CommandError(
          `cannot overwrite non-directory ${named(to)} with directory ${named(path)}`,
        );
      }
      return true;
    } catch (thrown) {
      await this.failed(path, thrown);
      return false;
    }
  }

  async leave({ path, stat }: Visit): Promise<void> {
    if (!this.#keep) return;
    const change = { permissions: stat.mode & PERMISSIONS, times: stat };
    try {
      await this.#call.fs.setStat(this.#call.path(this.#target(path)), change, true);
    } catch (thrown) {
      await this.failed(path, thrown);
    }
  }

  async failed(path: ByteString, thrown: unknown): Promise<void> {
    if (this.#call.signal.aborted || !isExpected(thrown)) throw thrown;
    this.failures += 1;
    const known = thrown instanceof CommandError;
    await this.#call.complain(
      known ? thrown.message : `cannot copy ${named(path)}: ${reason(thrown)}`,
    );
  }

  async #say(from: ByteString, to: ByteString): Promise<void> {
    if (this.#options.has("v"))
      await this.#call.out.print(`'${this.#call.shown(from)}' -> '${this.#call.shown(to)}'\n`);
  }

  async #link(from: ByteString, to: ByteString, there: FileStat | undefined): Promise<void> {
    const { fs } = this.#call;
    const target = await fs.readLink(this.#call.path(from));
    if (there !== undefined) await fs.remove(this.#call.path(to));
    await fs.symlink(target, this.#call.path(to));
  }

  async #file({ path, stat }: Visit, to: ByteString): Promise<void> {
    const call = this.#call;
    const { signal } = call;
    await withFile(call, call.path(path), READING, async (source) => {
      const mode = stat.mode & PERMISSIONS;
      const target = await this.#create(to, mode);
      let copying: Promise<unknown> = Promise.resolve();
      try {
        if (source.inode === target.inode) {
          throw new CommandError(`${named(path)} and ${named(to)} are the same file`);
        }
        await target.setStat({ size: 0 });
        copying = call.fs.copy(source, 0, 0, target, 0);
        await unlessAborted(signal, copying);
        if (this.#keep) await target.setStat({ permissions: mode, times: stat });
      } finally {
        // Closing waits for what is under way; nobody waits for it once interrupted.
        const closed = copying.catch(() => {}).then(() => target.close());
        if (signal.aborted) closed.catch(() => {});
        else await closed;
      }
    });
  }

  async #create(to: ByteString, mode: number): Promise<OpenFile> {
    try {
      return await this.#call.fs.open(this.#call.path(to), KEEPING, mode);
    } catch (thrown) {
      throw new CommandError(`cannot create regular file ${named(to)}: ${reason(thrown)}`);
    }
  }
}
