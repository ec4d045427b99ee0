import { FsError } from "../../errors.ts";
import { type ByteString, display } from "../../vfs/path.ts";
import { type FileStat, type OpenFile, S_IFMT, S_IFREG } from "../../vfs/types.ts";
import type { Call } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { READING } from "../files.ts";
import { unlessAborted } from "../io.ts";
import { baseName, isLink } from "../tree.ts";
import { type Visit, type Visitor, walk } from "../walk.ts";
import { inLine, isPlainName, ScpChannel, type ScpOptions } from "./protocol.ts";

const PIECE = 256 * 1024;
const PERMISSIONS = 0o777;

/** `scp -f PATH...`: sends files. Resolves to the exit code. */
export async function send(call: Call, paths: readonly ByteString[], options: ScpOptions) {
  return new Sender(call, options).run(paths);
}

/** A part of the way without links. */
interface Stretch {
  /** where it begins */
  readonly real: ByteString;
  /** of the directories below that one */
  readonly names: ByteString[];
}

/** Sends what a walk visits, links as what they lead to. */
class Sender implements Visitor {
  readonly #call: Call;
  readonly #options: ScpOptions;
  readonly #channel: ScpChannel;
  /** the way to where the walk is: links must not lead in circles */
  readonly #stretches: Stretch[] = [];

  constructor(call: Call, options: ScpOptions) {
    this.#call = call;
    this.#options = options;
    this.#channel = new ScpChannel(call, options.verbose);
  }

  async run(paths: readonly ByteString[]): Promise<number> {
    await this.#channel.answer();
    for (const path of paths) {
      await this.#call.step();
      try {
        const absolute = this.#call.path(path);
        const stat = await this.#call.fs.stat(absolute);
        const name = await this.#nameOf(path, absolute);
        await walk(this.#call, { path, name, stat }, this, { follow: true });
      } catch (thrown) {
        await this.#fail(thrown, path);
        this.#stretches.length = 0;
      }
    }
    return this.#channel.status;
  }

  async other(visit: Visit): Promise<void> {
    try {
      const { fs, at } = visit;
      // A link here leads nowhere: the system says why.
      const stat = isLink(visit.stat) ? await fs.stat(at) : visit.stat;
      if ((stat.mode & S_IFMT) !== S_IFREG) throw new CommandError("not a regular file");
      await this.#file(visit, this.#sendable(visit.name), stat);
    } catch (thrown) {
      await this.#fail(thrown, visit.path);
    }
  }

  async enter(visit: Visit): Promise<boolean> {
    const { name, stat } = visit;
    try {
      if (!this.#options.recursive) throw new CommandError("not a regular file");
      const real = await this.#behindLink(visit);
      if (!(await this.#announce(`D${mode(stat)} 0 ${this.#sendable(name)}`, stat))) return false;
      if (real === undefined) this.#stretches.at(-1)?.names.push(name);
      else this.#stretches.push({ real, names: [] });
      return true;
    } catch (thrown) {
      await this.#fail(thrown, visit.path);
      return false;
    }
  }

  async leave(): Promise<void> {
    if (this.#stretches.at(-1)?.names.pop() === undefined) this.#stretches.pop();
    await this.#channel.send("E\n");
    await this.#channel.answer();
  }

  async failed({ path }: Visit, thrown: unknown): Promise<void> {
    await this.#fail(thrown, path);
    await this.leave();
  }

  /** What the client is to call an operand: for "." and ".." the directory's own name. */
  async #nameOf(path: ByteString, absolute: ByteString): Promise<ByteString> {
    const name = baseName(path);
    const moves = name === "" || name === "." || name === "..";
    return moves ? baseName(await this.#call.fs.realPath(absolute)) : name;
  }

  #sendable(name: ByteString): ByteString {
    if (isPlainName(name)) return inLine(name);
    throw new CommandError(
      name === "" ? "the home itself has no name: take /*" : "the name can't be sent",
    );
  }

  /**
   * Where the start, or what a link leads to, really is; undefined for any other directory.
   * @throws CommandError for a link that leads back to a directory on the way to it
   */
  async #behindLink({ depth, fs, at }: Visit): Promise<ByteString | undefined> {
    if (depth > 0 && !isLink(await fs.lstat(at))) return undefined;
    const real = await fs.realPath(at);
    if (!this.#stretches.some((stretch) => leadsThrough(stretch, real))) return real;
    throw new CommandError("a link leads back to where it is");
  }

  /** False when the client does not want it. */
  async #announce(line: string, { atime, mtime }: FileStat): Promise<boolean> {
    const channel = this.#channel;
    if (this.#options.preserve) {
      await channel.send(`T${Math.max(0, mtime)} 0 ${Math.max(0, atime)} 0\n`);
      if (!(await channel.answer())) return false;
    }
    await channel.trace(`Sending file modes: ${display(line as ByteString)}`);
    await channel.send(`${line}\n`);
    return channel.answer();
  }

  async #file({ fs, at, path }: Visit, name: ByteString, stat: FileStat): Promise<void> {
    const file = await fs.open(at, READING);
    try {
      const { size } = await file.stat();
      if (!(await this.#announce(`C${mode(stat)} ${size} ${name}`, stat))) return;
      const failure = await this.#content(file, size);
      await this.#channel.separate();
      if (failure === undefined) await this.#channel.accept();
      else await this.#fail(failure, path);
      await this.#channel.answer();
    } finally {
      await file.close();
    }
  }

  /** Sends `size` bytes whatever happens, zeros for what can't be read. Resolves to the error. */
  async #content(file: OpenFile, size: number): Promise<unknown> {
    let failure: unknown;
    let next = this.#read(file, 0, size);
    for (let done = 0; done < size; ) {
      await this.#call.step();
      const { data, error } = await unlessAborted(this.#call.signal, next);
      failure ??= error;
      done += data.length;
      // Read on while this piece goes out.
      next = this.#read(failure === undefined ? file : undefined, done, size);
      await this.#channel.send(data);
    }
    return failure;
  }

  async #read(
    file: OpenFile | undefined,
    position: number,
    size: number,
  ): Promise<{ data: Buffer; error: unknown }> {
    const wanted = Math.min(PIECE, size - position);
    if (file === undefined || wanted === 0) return { data: Buffer.alloc(wanted), error: undefined };
    const data = Buffer.allocUnsafe(wanted);
    try {
      const count = await file.read(data, 0, wanted, position);
      if (count === wanted) return { data, error: undefined };
      const error = new CommandError("the file became shorter meanwhile");
      return { data: data.fill(0, count), error };
    } catch (error) {
      return { data: data.fill(0), error };
    }
  }

  async #fail(thrown: unknown, name: ByteString): Promise<void> {
    const known = thrown instanceof FsError || thrown instanceof CommandError;
    if (this.#call.signal.aborted || !known) throw thrown;
    const why = thrown instanceof CommandError ? thrown.message : reason(thrown);
    await this.#channel.refuse(`${display(name)}: ${why}`);
  }
}

function mode(stat: FileStat): string {
  return (stat.mode & PERMISSIONS).toString(8).padStart(4, "0");
}

function leadsThrough({ real, names }: Stretch, path: ByteString): boolean {
  const start = real === "/" ? real : `${real}/`;
  if (path === real || !path.startsWith(start)) return path === real;
  return path
    .slice(start.length)
    .split("/")
    .every((name, at) => names[at] === name);
}
