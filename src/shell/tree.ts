import { FsError } from "../errors.ts";
import { type ByteString, join, type VirtualPath } from "../vfs/path.ts";
import {
  type DirectoryEntry,
  type FileStat,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  type UserFileSystem,
} from "../vfs/types.ts";
import type { Call } from "./call.ts";

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
export async function* listEntries(
  call: Call,
  path: ByteString,
  fs: UserFileSystem = call.fs,
): AsyncGenerator<DirectoryEntry> {
  const directory = await fs.openDirectory(path);
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

/** Metadata of a path; undefined when there is nothing. */
export async function lookAt(
  fs: UserFileSystem,
  path: ByteString,
  follow: boolean,
): Promise<FileStat | undefined> {
  try {
    return await (follow ? fs.stat(path) : fs.lstat(path));
  } catch (thrown) {
    if (thrown instanceof FsError && (thrown.code === "ENOENT" || thrown.code === "ENOTDIR")) {
      return undefined;
    }
    throw thrown;
  }
}
