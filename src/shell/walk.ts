import { FsError } from "../errors.ts";
import { Descent, type FirstNames } from "../vfs/names.ts";
import type { ByteString } from "../vfs/path.ts";
import type { Cursor, FileStat, UserFileSystem } from "../vfs/types.ts";
import type { Call } from "./call.ts";
import { CommandError } from "./errors.ts";
import { below, isDirectory, isLink, listEntries, lookAt } from "./tree.ts";

/** Directories one inside the other that a command goes into: each costs some memory. */
export const MAX_LEVELS = 32_768;

/** Something in a tree. */
export interface Visit {
  /** as the user would write it; made anew whenever it is read, for in a deep tree it is long */
  readonly path: ByteString;
  readonly name: ByteString;
  readonly stat: FileStat;
  /** 0 for the start */
  readonly depth: number;
  /** where `at` is its path, until the walk goes on */
  readonly fs: UserFileSystem;
  readonly at: ByteString;
}

/** What is done at each step of a walk. */
export interface Visitor {
  /** anything that is not a directory */
  other(visit: Visit): Promise<void>;
  /** a directory, before what is in it; false leaves that out */
  enter(visit: Visit): Promise<boolean>;
  /** a directory, after what is in it */
  leave?(visit: Visit): Promise<void>;
  /** a directory that was entered and can't be read, instead of `leave`; the walk goes on */
  failed(visit: Visit, thrown: unknown): Promise<void>;
}

export interface WalkOptions {
  /** links are what they lead to; else they are visited themselves */
  readonly follow?: boolean;
}

/**
 * Walks a tree: of each directory first what is no directory itself, in the directory's order, then
 * the directories in the order of their names. Works at any depth in a few descriptors; memory grows
 * with the depth, and not with the size of a directory.
 * @throws CommandError when a directory was moved elsewhere, so that there is no way back
 */
export async function walk(
  call: Call,
  start: Pick<Visit, "path" | "name" | "stat">,
  visitor: Visitor,
  options: WalkOptions = {},
): Promise<void> {
  const first: Visit = { ...start, depth: 0, fs: call.fs, at: call.path(start.path) };
  await call.step();
  if (!isDirectory(first.stat)) return visitor.other(first);
  if (!(await visitor.enter(first))) return;
  let cursor: Cursor;
  try {
    cursor = await call.fs.walkFrom(first.at);
  } catch (thrown) {
    return visitor.failed(first, thrown);
  }
  try {
    await new Walk(call, visitor, cursor, options.follow ?? false).run(first);
  } finally {
    await cursor.close();
  }
}

class Walk {
  readonly #call: Call;
  readonly #visitor: Visitor;
  readonly #cursor: Cursor;
  readonly #follow: boolean;
  readonly #descent = new Descent();
  /** the directories from the start to where the walk is */
  readonly #way: Visit[] = [];

  constructor(call: Call, visitor: Visitor, cursor: Cursor, follow: boolean) {
    this.#call = call;
    this.#visitor = visitor;
    this.#cursor = cursor;
    this.#follow = follow;
  }

  async run(start: Visit): Promise<void> {
    await this.#list(start);
    while (this.#way.length > 0) {
      await this.#call.step();
      const name = this.#descent.next();
      if (name !== undefined) await this.#enter(name);
      else if (!(await this.#readOn())) await this.#leave();
    }
  }

  /** Visits what is in the directory where the cursor stands. */
  async #list(visit: Visit): Promise<void> {
    this.#way.push(visit);
    const names = this.#descent.names();
    let failure: unknown;
    try {
      await this.#visitAll(names);
    } catch (thrown) {
      if (!(thrown instanceof Unreadable)) throw thrown;
      failure = thrown.cause;
    }
    this.#descent.down(names);
    if (failure !== undefined) await this.#leave(failure);
  }

  async #visitAll(names: FirstNames): Promise<void> {
    const { fs } = this.#cursor;
    for await (const { name, stat } of this.#entries()) {
      const found = this.#follow && isLink(stat) ? ((await this.#behind(name)) ?? stat) : stat;
      if (isDirectory(found)) names.add(name);
      else await this.#visitor.other(this.#visit(fs, name, found));
    }
  }

  /** What a link leads to; undefined: nowhere, or in circles. */
  async #behind(name: ByteString): Promise<FileStat | undefined> {
    try {
      return await lookAt(this.#cursor.fs, name, true);
    } catch (thrown) {
      if (thrown instanceof FsError) return undefined;
      throw thrown;
    }
  }

  /** Reading fails as {@link Unreadable}: what a visitor does with an entry may fail, too. */
  async *#entries() {
    const entries = listEntries(this.#call, "." as ByteString, this.#cursor.fs);
    try {
      for (;;) {
        const next = await entries.next().catch((cause) => {
          throw cause instanceof FsError ? new Unreadable(cause) : cause;
        });
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await entries.return(undefined);
    }
  }

  async #enter(name: ByteString): Promise<void> {
    const { fs } = this.#cursor;
    const stat = await lookAt(fs, name, this.#follow);
    // Gone, or replaced, since the directory was read.
    if (!isDirectory(stat)) return;
    const visit = this.#visit(fs, name, stat as FileStat);
    if (!(await this.#visitor.enter(visit))) return;
    try {
      if (this.#way.length >= MAX_LEVELS) {
        throw new CommandError(`more than ${MAX_LEVELS} directories deep`);
      }
      await this.#cursor.enter(name, this.#follow);
    } catch (thrown) {
      if (this.#call.signal.aborted) throw thrown;
      await this.#visitor.failed(visit, thrown);
      return;
    }
    await this.#list(visit);
  }

  /** Reads a directory again that had too many directories to hold. False: it had not. */
  async #readOn(): Promise<boolean> {
    const names = this.#descent.namesBehind();
    if (names === undefined) return false;
    for await (const { name, stat } of this.#entries()) {
      const found = this.#follow && isLink(stat) ? await this.#behind(name) : stat;
      if (isDirectory(found)) names.add(name);
    }
    this.#descent.again(names);
    return true;
  }

  async #leave(failure?: unknown): Promise<void> {
    const visit = this.#way.pop() as Visit;
    this.#descent.up();
    if (this.#way.length > 0) await this.#up();
    if (failure !== undefined) await this.#visitor.failed(visit, failure);
    else await this.#visitor.leave?.(visit);
  }

  async #up(): Promise<void> {
    try {
      await this.#cursor.leave();
    } catch (thrown) {
      if (!(thrown instanceof FsError && thrown.code === "EBUSY")) throw thrown;
      throw new CommandError("a directory was moved elsewhere meanwhile");
    }
  }

  #visit(fs: UserFileSystem, name: ByteString, stat: FileStat): Visit {
    return new Entry(this.#way.at(-1) as Visit, name, stat, fs);
  }
}

/** Something below the start. Its path is that of the start and the names on the way. */
class Entry implements Visit {
  readonly name: ByteString;
  readonly stat: FileStat;
  readonly fs: UserFileSystem;
  readonly depth: number;
  readonly #parent: Visit;

  constructor(parent: Visit, name: ByteString, stat: FileStat, fs: UserFileSystem) {
    this.#parent = parent;
    this.name = name;
    this.stat = stat;
    this.fs = fs;
    this.depth = parent.depth + 1;
  }

  get at(): ByteString {
    return this.name;
  }

  get path(): ByteString {
    const names: ByteString[] = [this.name];
    let above = this.#parent;
    while (above instanceof Entry) {
      names.push(above.name);
      above = above.#parent;
    }
    return below(above.path, names.reverse().join("/") as ByteString);
  }
}

/** A directory can't be read (on). */
class Unreadable extends Error {
  override readonly name = "Unreadable";

  constructor(cause: FsError) {
    super("unreadable", { cause });
  }
}
