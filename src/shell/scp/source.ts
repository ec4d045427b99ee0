import { FsError } from "../../errors.ts";
import { type ByteString, display } from "../../vfs/path.ts";
import {
  type DirectoryEntry,
  type FileStat,
  type OpenDirectory,
  type OpenFile,
  S_IFMT,
  S_IFREG,
} from "../../vfs/types.ts";
import type { Call } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { READING } from "../files.ts";
import { baseName, below, isDirectory, MAX_DEPTH } from "../tree.ts";
import { inLine, isPlainName, ScpChannel, type ScpOptions } from "./protocol.ts";

/** A directory that is being sent. */
interface Level {
  readonly path: ByteString;
  /** where it really is: links are followed, but not in circles */
  readonly real: ByteString;
  readonly directory: OpenDirectory;
  page: DirectoryEntry[];
}

const PIECE = 256 * 1024;
const PAGE = 128;
const PERMISSIONS = 0o777;

/** `scp -f PATH...`: sends files. Resolves to the exit code. */
export async function send(call: Call, paths: readonly ByteString[], options: ScpOptions) {
  return new Sender(call, options).run(paths);
}

class Sender {
  readonly #call: Call;
  readonly #options: ScpOptions;
  readonly #channel: ScpChannel;
  readonly #levels: Level[] = [];

  constructor(call: Call, options: ScpOptions) {
    this.#call = call;
    this.#options = options;
    this.#channel = new ScpChannel(call, options.verbose);
  }

  async run(paths: readonly ByteString[]): Promise<number> {
    await this.#channel.answer();
    try {
      for (const path of paths) {
        await this.#one(path);
        await this.#below();
      }
    } finally {
      for (const level of this.#levels) await level.directory.close();
    }
    return this.#channel.status;
  }

  /** Sends a file, or goes into a directory. */
  async #one(path: ByteString): Promise<void> {
    await this.#call.step();
    try {
      const absolute = this.#call.path(path);
      const stat = await this.#call.fs.stat(absolute);
      const name = await this.#nameOf(path, absolute);
      if (isDirectory(stat)) await this.#enter(path, absolute, name, stat);
      else if ((stat.mode & S_IFMT) === S_IFREG) await this.#file(path, absolute, name, stat);
      else throw new CommandError("not a regular file");
    } catch (thrown) {
      await this.#fail(thrown, path);
    }
  }

  /** What the client is to call it: for "." and ".." the directory's own name. */
  async #nameOf(path: ByteString, absolute: ByteString): Promise<ByteString> {
    const name = baseName(path);
    const moves = name === "" || name === "." || name === "..";
    const real = moves ? baseName(await this.#call.fs.realPath(absolute)) : name;
    if (!isPlainName(real)) throw new CommandError("the home itself has no name: take /*");
    return inLine(real);
  }

  async #enter(
    path: ByteString,
    absolute: ByteString,
    name: ByteString,
    stat: FileStat,
  ): Promise<void> {
    if (!this.#options.recursive) throw new CommandError("not a regular file");
    const real = await this.#call.fs.realPath(absolute);
    if (this.#levels.some((level) => level.real === real)) {
      throw new CommandError("a link leads back to where it is");
    }
    if (this.#levels.length >= MAX_DEPTH) {
      throw new CommandError(`more than ${MAX_DEPTH} directories deep`);
    }
    const directory = await this.#call.fs.openDirectory(absolute);
    this.#levels.push({ path, real, directory, page: [] });
    if (await this.#announce(`D${mode(stat)} 0 ${name}`, stat)) return;
    this.#levels.pop();
    await directory.close();
  }

  /** Sends all that is in the directories entered. */
  async #below(): Promise<void> {
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      const entry = await this.#next(level);
      if (entry !== undefined) {
        await this.#one(below(level.path, entry.name));
        continue;
      }
      this.#levels.pop();
      await level.directory.close();
      await this.#channel.send("E\n");
      await this.#channel.answer();
    }
  }

  async #next(level: Level): Promise<DirectoryEntry | undefined> {
    try {
      for (;;) {
        const entry = level.page.shift();
        if (entry === undefined) {
          level.page = await level.directory.next(PAGE);
          if (level.page.length === 0) return undefined;
        } else if (entry.name !== "." && entry.name !== "..") return entry;
      }
    } catch (thrown) {
      await this.#fail(thrown, level.path);
      return undefined;
    }
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

  async #file(
    path: ByteString,
    absolute: ByteString,
    name: ByteString,
    stat: FileStat,
  ): Promise<void> {
    const file = await this.#call.fs.open(absolute, READING);
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
      const { data, error } = await next;
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
