import { FsError } from "../../errors.ts";
import type { ByteString } from "../../vfs/path.ts";
import { type Cursor, S_IFMT, S_IFREG, type UserFileSystem } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { KEEPING, READING, withFile } from "../files.ts";
import { unlessAborted } from "../io.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { baseName, isDirectory, isLink, lookAt } from "../tree.ts";
import { type Visit, type Visitor, walk } from "../walk.ts";
import { each, isExpected, type Pair, pairs, placeOf } from "./operands.ts";

const PERMISSIONS = 0o777;

const KNOWN = {
  short: "afnprRTv",
  long: {
    archive: "a",
    force: "f",
    "no-clobber": "n",
    recursive: "r",
    "no-target-directory": "T",
    verbose: "v",
  },
} as const;

/** Copies all there is, as it is. Resolves to the number of things that could not be copied. */
export function copyAll(call: Call, pair: Pair): Promise<number> {
  return copyOperand(call, pair, parseOptions(["-a" as ByteString], KNOWN));
}

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
    const options = parseOptions(call.args, KNOWN);
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
  try {
    await walk(call, { path: from, name: baseName(from), stat }, copier);
  } finally {
    await copier.close();
  }
  return copier.failures;
}

/** Where a copy goes: `at` is its path in `fs`. */
interface Target {
  readonly fs: UserFileSystem;
  readonly at: ByteString;
}

/** Copies what a walk visits. Its cursor is always where the walk is, in the copy. */
class Copier implements Visitor {
  readonly #call: Call;
  readonly #options: Options;
  readonly #keep: boolean;
  readonly #from: ByteString;
  readonly #to: ByteString;
  #cursor: Cursor | undefined;
  failures = 0;

  constructor(call: Call, options: Options, from: ByteString, to: ByteString) {
    this.#call = call;
    this.#options = options;
    this.#keep = options.has("p") || options.has("a");
    this.#from = from;
    this.#to = to;
  }

  async close(): Promise<void> {
    await this.#cursor?.close();
  }

  #target({ depth, name }: Visit): Target {
    const { fs } = this.#cursor ?? this.#call;
    return { fs, at: depth === 0 ? this.#call.path(this.#to) : name };
  }

  /** Where a thing goes, for people: the same way below the target as below the source. */
  #shown(path: ByteString): ByteString {
    return (this.#to + path.slice(this.#from.length)) as ByteString;
  }

  async other(visit: Visit): Promise<void> {
    const target = this.#target(visit);
    try {
      const there = await lookAt(target.fs, target.at, false);
      if (there !== undefined && this.#options.has("n")) return;
      if (isDirectory(there)) {
        const to = named(this.#shown(visit.path));
        throw new CommandError(
          `cannot overwrite directory ${to} with non-directory ${named(visit.path)}`,
        );
      }
      if (this.#options.has("v")) await this.#say(visit);
      if (isLink(visit.stat)) await copyLink(visit, target, there !== undefined);
      else if ((visit.stat.mode & S_IFMT) === S_IFREG) await this.#file(visit, target);
      else throw new FsError("EOPNOTSUPP");
    } catch (thrown) {
      await this.#complain(visit, thrown);
    }
  }

  async enter(visit: Visit): Promise<boolean> {
    const { stat, depth } = visit;
    const { fs, at } = this.#target(visit);
    try {
      // A link below the target is not one to go through: it may lead into the source.
      const there = await lookAt(fs, at, depth === 0);
      if (there === undefined) {
        if (this.#options.has("v")) await this.#say(visit);
        // Whatever its permissions will be, first it is filled.
        await fs.makeDirectory(at, (stat.mode & PERMISSIONS) | 0o700);
      } else if (!isDirectory(there)) {
        const to = named(this.#shown(visit.path));
        throw new CommandError(
          `cannot overwrite non-directory ${to} with directory ${named(visit.path)}`,
        );
      }
      if (this.#cursor === undefined) this.#cursor = await fs.walkFrom(at);
      else await this.#cursor.enter(at);
      return true;
    } catch (thrown) {
      await this.#complain(visit, thrown);
      return false;
    }
  }

  async leave(visit: Visit): Promise<void> {
    await this.#up(visit);
    if (!this.#keep) return;
    const { fs, at } = this.#target(visit);
    const change = { permissions: visit.stat.mode & PERMISSIONS, times: visit.stat };
    try {
      await fs.setStat(at, change, true);
    } catch (thrown) {
      await this.#complain(visit, thrown);
    }
  }

  async failed(visit: Visit, thrown: unknown): Promise<void> {
    await this.#up(visit);
    await this.#complain(visit, thrown);
  }

  async #up({ depth }: Visit): Promise<void> {
    if (depth > 0) return this.#cursor?.leave();
    await this.#cursor?.close();
    this.#cursor = undefined;
  }

  async #complain(visit: Visit, thrown: unknown): Promise<void> {
    if (this.#call.signal.aborted || !isExpected(thrown)) throw thrown;
    this.failures += 1;
    const known = thrown instanceof CommandError;
    await this.#call.complain(
      known ? thrown.message : `cannot copy ${named(visit.path)}: ${reason(thrown)}`,
    );
  }

  async #say({ path }: { readonly path: ByteString }): Promise<void> {
    const to = this.#call.shown(this.#shown(path));
    await this.#call.out.print(`'${this.#call.shown(path)}' -> '${to}'\n`);
  }

  async #file(visit: Visit, { fs, at }: Target): Promise<void> {
    const { signal } = this.#call;
    await withFile(visit.fs, visit.at, READING, async (source) => {
      const mode = visit.stat.mode & PERMISSIONS;
      const target = await fs.open(at, KEEPING, mode).catch((thrown) => {
        const name = named(this.#shown(visit.path));
        throw new CommandError(`cannot create regular file ${name}: ${reason(thrown)}`);
      });
      let copying: Promise<unknown> = Promise.resolve();
      try {
        if (source.inode === target.inode) {
          const name = named(this.#shown(visit.path));
          throw new CommandError(`${named(visit.path)} and ${name} are the same file`);
        }
        await target.setStat({ size: 0 });
        copying = this.#call.fs.copy(source, 0, 0, target, 0);
        await unlessAborted(signal, copying);
        if (this.#keep) await target.setStat({ permissions: mode, times: visit.stat });
      } finally {
        // Closing waits for what is under way; nobody waits for it once interrupted.
        const closed = copying.catch(() => {}).then(() => target.close());
        if (signal.aborted) closed.catch(() => {});
        else await closed;
      }
    });
  }
}

async function copyLink({ fs, at }: Visit, target: Target, replace: boolean): Promise<void> {
  const text = await fs.readLink(at);
  if (replace) await target.fs.remove(target.at);
  await target.fs.symlink(text, target.at);
}
