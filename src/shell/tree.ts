import { type ByteString, join, type VirtualPath } from "../vfs/path.ts";
import {
  type DirectoryEntry,
  type FileStat,
  type OpenDirectory,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
} from "../vfs/types.ts";
import type { Call } from "./call.ts";
import { CommandError } from "./errors.ts";

/** Directories one inside the other that a command goes into: each costs open descriptors. */
export const MAX_DEPTH = 128;

const PAGE = 128;

export function isDirectory(stat: FileStat | undefined): boolean {
  return stat !== undefined && (stat.mode & S_IFMT) === S_IFDIR;
}

export function isLink(stat: FileStat | undefined): boolean {
  return stat !== undefined && (stat.mode & S_IFMT) === S_IFLNK;
}

/** A path as the user wrote it with a name behind it. */
export function below(path: ByteString, name: ByteString): ByteString {
  return path.endsWith("/") ? ((path + name) as ByteString) : join(path as VirtualPath, name);
}

/** The last component of a path, without slashes behind it; "" for the home. */
export function baseName(path: ByteString): ByteString {
  const end = endOfName(path);
  return path.slice(path.lastIndexOf("/", end - 1) + 1, end) as ByteString;
}

/** What stands before the last component, without slashes behind it; "" when nothing does. */
export function parentName(path: ByteString): ByteString {
  const start = path.lastIndexOf("/", endOfName(path) - 1) + 1;
  const parent = path.slice(0, start) as ByteString;
  return parent.slice(0, endOfName(parent)) as ByteString;
}

/** Where the slashes at the end begin. */
function endOfName(path: ByteString): number {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end -= 1;
  return end;
}

/** The entries of a directory but "." and "..". Closes it when left early, too. */
export async function* listEntries(call: Call, path: ByteString): AsyncGenerator<DirectoryEntry> {
  const directory = await call.fs.openDirectory(path);
  try {
    for (;;) {
      const page = await directory.next(PAGE);
      if (page.length === 0) return;
      for (const entry of page) {
        await call.step();
        if (entry.name !== "." && entry.name !== "..") yield entry;
      }
    }
  } finally {
    await directory.close();
  }
}

/** Something in a tree, with its path as the user would write it. */
export interface Visit {
  readonly path: ByteString;
  readonly name: ByteString;
  readonly stat: FileStat;
  /** 0 for the start */
  readonly depth: number;
}

/** What is done at each step of a walk. Links are visited and not followed. */
export interface Visitor {
  /** anything that is not a directory */
  other(visit: Visit): Promise<void>;
  /** a directory, before what is in it; false leaves that out */
  enter(visit: Visit): Promise<boolean>;
  /** a directory, after what is in it */
  leave?(visit: Visit): Promise<void>;
  /** something that can't be read; the walk goes on */
  failed(path: ByteString, thrown: unknown): Promise<void>;
}

interface Level {
  readonly visit: Visit;
  readonly directory: OpenDirectory;
  page: DirectoryEntry[];
}

/** Walks a tree depth first, in the order of its directories, holding one page for each level. */
export async function walk(call: Call, start: Visit, visitor: Visitor): Promise<void> {
  const levels: Level[] = [];
  const visit = async (found: Visit): Promise<void> => {
    await call.step();
    if (!isDirectory(found.stat)) return visitor.other(found);
    if (!(await visitor.enter(found))) return;
    try {
      if (levels.length >= MAX_DEPTH) {
        throw new CommandError(`more than ${MAX_DEPTH} directories deep`);
      }
      const directory = await call.fs.openDirectory(call.path(found.path));
      levels.push({ visit: found, directory, page: [] });
    } catch (thrown) {
      if (call.signal.aborted) throw thrown;
      await visitor.failed(found.path, thrown);
    }
  };
  try {
    await visit(start);
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const entry = await nextEntry(level);
      if (entry !== undefined) {
        const { visit: parent } = level;
        const path = below(parent.path, entry.name);
        await visit({ path, name: entry.name, stat: entry.stat, depth: parent.depth + 1 });
        continue;
      }
      levels.pop();
      await level.directory.close();
      await visitor.leave?.(level.visit);
    }
  } finally {
    for (const level of levels) await level.directory.close();
  }
}

async function nextEntry(level: Level): Promise<DirectoryEntry | undefined> {
  for (;;) {
    const entry = level.page.shift();
    if (entry === undefined) {
      level.page = await level.directory.next(PAGE);
      if (level.page.length === 0) return undefined;
    } else if (entry.name !== "." && entry.name !== "..") return entry;
  }
}
