import { FsError } from "../../errors.ts";
import { type ByteString, display, MAX_DEPTH } from "../../vfs/path.ts";
import type { FileSystemStat, OpenFile } from "../../vfs/types.ts";
import type { Call } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { KEEPING } from "../files.ts";
import { unlessAborted } from "../io.ts";
import { below, isDirectory } from "../tree.ts";
import {
  type ControlRecord,
  isPlainName,
  parseRecord,
  ScpChannel,
  type ScpOptions,
  type Times,
} from "./protocol.ts";

type Entry = ControlRecord & { readonly type: "file" | "directory" };
type FileEntry = ControlRecord & { readonly type: "file" };

/** Where something goes to. */
interface Destination {
  /** as the client named it, for messages */
  readonly shown: ByteString;
  readonly path: ByteString;
}

/** A directory that is being received. */
interface Level extends Destination {
  /** false: what comes gets this very name */
  readonly isDirectory: boolean;
  readonly times: Times | undefined;
  /** permissions to be set when it is complete */
  readonly permissions: number | undefined;
}

/** What is written at once. */
const PIECE = 256 * 1024;

const OWNER_WRITE = 0o200;
const OWNER_ALL = 0o700;

/** `scp -t TARGET`: receives files. Resolves to the exit code. */
export async function receive(call: Call, target: ByteString, options: ScpOptions) {
  return new Receiver(call, options).run(target);
}

class Receiver {
  readonly #call: Call;
  readonly #options: ScpOptions;
  readonly #channel: ScpChannel;
  readonly #levels: Level[] = [];
  #times: Times | undefined;

  constructor(call: Call, options: ScpOptions) {
    this.#call = call;
    this.#options = options;
    this.#channel = new ScpChannel(call, options.verbose);
  }

  async run(target: ByteString): Promise<number> {
    const channel = this.#channel;
    try {
      const path = this.#call.path(target);
      const stat = await this.#call.look(target, true);
      if (this.#options.directory && !isDirectory(stat)) {
        throw new FsError(stat === undefined ? "ENOENT" : "ENOTDIR");
      }
      const level = { shown: target, path, isDirectory: isDirectory(stat), times: undefined };
      this.#levels.push({ ...level, permissions: undefined });
    } catch (thrown) {
      await this.#fail(thrown, target);
      return 1;
    }
    await channel.accept();
    for (;;) {
      await this.#call.step();
      const line = await channel.line();
      if (line === undefined || !(await this.#take(line))) break;
    }
    return channel.status;
  }

  /** False when nothing more is to come. */
  async #take(line: string): Promise<boolean> {
    const channel = this.#channel;
    await channel.trace(`Sink: ${display(line as ByteString)}`);
    if (line.startsWith("\x01") || line.startsWith("\x02")) {
      await channel.message("", line.slice(1));
      return line.startsWith("\x01");
    }
    const record = parseRecord(line);
    if (record === undefined) {
      await channel.refuse("protocol error: unexpected control record");
      return false;
    }
    if (record.type === "end") {
      if (this.#levels.length === 1) return false;
      await this.#leave();
    } else if (record.type === "times") {
      this.#times = record.times;
      await channel.accept();
    } else await this.#entry(record);
    return true;
  }

  async #entry(entry: Entry): Promise<void> {
    const times = this.#options.preserve ? this.#times : undefined;
    this.#times = undefined;
    if (!isPlainName(entry.name)) {
      await this.#channel.refuse(`error: unexpected filename: ${display(entry.name)}`);
      return;
    }
    const level = this.#levels.at(-1) as Level;
    const within = (directory: ByteString) =>
      level.isDirectory ? below(directory, entry.name) : directory;
    const place = { shown: within(level.shown), path: within(level.path) };
    if (entry.type === "file") await this.#file(entry, place, times);
    else await this.#directory(entry, place, times);
  }

  async #directory(entry: Entry, place: Destination, times: Times | undefined): Promise<void> {
    const { path } = place;
    const { fs } = this.#call;
    const { preserve, recursive } = this.#options;
    let made = false;
    try {
      if (!recursive) throw new CommandError("received a directory without -r");
      if (this.#levels.length > MAX_DEPTH) {
        throw new CommandError(`more than ${MAX_DEPTH} directories deep`);
      }
      const stat = await this.#call.look(path, true);
      if (stat === undefined) {
        // Whatever its permissions will be, first it is filled.
        await fs.makeDirectory(path, entry.mode | OWNER_ALL);
        made = true;
      } else if (!isDirectory(stat)) throw new FsError("ENOTDIR");
    } catch (thrown) {
      await this.#fail(thrown, place.shown);
      return;
    }
    const narrow = made && (entry.mode & OWNER_ALL) !== OWNER_ALL;
    const permissions = preserve || narrow ? entry.mode : undefined;
    this.#levels.push({ ...place, isDirectory: true, times, permissions });
    await this.#channel.accept();
  }

  async #leave(): Promise<void> {
    const { shown, path, times, permissions } = this.#levels.pop() as Level;
    try {
      const change = { ...(permissions !== undefined && { permissions }), ...(times && { times }) };
      if (Object.keys(change).length > 0) await this.#call.fs.setStat(path, change, true);
    } catch (thrown) {
      await this.#fail(thrown, shown);
      return;
    }
    await this.#channel.accept();
  }

  async #file(entry: FileEntry, place: Destination, times: Times | undefined): Promise<void> {
    const { path, shown } = place;
    const channel = this.#channel;
    let file: OpenFile;
    let made: boolean;
    try {
      const stat = await this.#call.look(path, true);
      made = stat === undefined;
      await this.#checkRoom(path, entry.size, stat?.size ?? 0);
      file = await this.#call.fs.open(path, KEEPING, entry.mode | OWNER_WRITE);
      file.expect?.(entry.size);
    } catch (thrown) {
      await this.#fail(thrown, shown);
      return;
    }
    let failure: unknown;
    let whole = false;
    try {
      await channel.accept();
      failure = await this.#content(file, entry.size);
      // Before the client's last word: some (libssh, for an empty file) close without one.
      failure ??= await this.#cut(file, entry.size);
      // The client's own word on whether all went well: its message is enough.
      await channel.answer();
      failure ??= await this.#finish(file, entry, made, times);
      whole = failure === undefined;
    } finally {
      if (!whole) file.abandon?.();
      await file.close();
    }
    // One answer, whatever went wrong and when. What was stored stays.
    if (failure === undefined) await channel.accept();
    else await this.#fail(failure, shown);
  }

  /** Refuses what can't fit before the client sends all of it. */
  async #checkRoom(path: ByteString, size: number, there: number): Promise<void> {
    const space = await this.#space(path);
    // How full it is may not be for this user to know: then it shows when it is full.
    if (space === undefined) return;
    const { usedBytes, quotaBytes } = space;
    const needed = size - there;
    if (quotaBytes === null || needed <= 0 || usedBytes + needed <= quotaBytes) return;
    throw new CommandError(
      `Quota exceeded: ${usedBytes} of ${quotaBytes} bytes used, ${needed} more needed`,
    );
  }

  async #space(path: ByteString): Promise<FileSystemStat | undefined> {
    const { fs } = this.#call;
    try {
      return await fs.fileSystemStat(await fs.realPath(path));
    } catch (thrown) {
      if (thrown instanceof FsError && thrown.code === "EACCES") return undefined;
      throw thrown;
    }
  }

  /** Takes all of the content, and after an error drops the rest. Resolves to the first error. */
  async #content(file: OpenFile, size: number): Promise<unknown> {
    let failure: unknown;
    for (let done = 0; done < size; ) {
      await this.#call.step();
      const pieces: Buffer[] = [];
      let length = 0;
      while (length < PIECE && done + length < size) {
        const data = await this.#channel.data(Math.min(PIECE - length, size - done - length));
        pieces.push(data);
        length += data.length;
      }
      if (failure === undefined) {
        try {
          await unlessAborted(this.#call.signal, file.write(pieces, length, done));
        } catch (thrown) {
          failure = thrown;
        }
      }
      done += length;
    }
    return failure;
  }

  /** Cuts off what an older, longer file had more. */
  async #cut(file: OpenFile, size: number): Promise<unknown> {
    try {
      await file.setStat({ size });
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  }

  /** Permissions and times. */
  async #finish(
    file: OpenFile,
    entry: FileEntry,
    made: boolean,
    times: Times | undefined,
  ): Promise<unknown> {
    const { preserve } = this.#options;
    try {
      const narrow = made && (entry.mode & OWNER_WRITE) === 0;
      if (preserve || narrow) await file.setStat({ permissions: entry.mode });
      if (times !== undefined) await file.setStat({ times });
      return undefined;
    } catch (thrown) {
      return thrown;
    }
  }

  async #fail(thrown: unknown, name: ByteString): Promise<void> {
    const known = thrown instanceof FsError || thrown instanceof CommandError;
    if (this.#call.signal.aborted || !known) throw thrown;
    const why = thrown instanceof CommandError ? thrown.message : reason(thrown);
    await this.#channel.refuse(`${display(name)}: ${why}`);
  }
}
