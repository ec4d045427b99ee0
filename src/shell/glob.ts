import { FsError } from "../errors.ts";
import { type ByteString, MAX_PATH_BYTES } from "../vfs/path.ts";
import { S_IFDIR, S_IFLNK, S_IFMT, type UserFileSystem } from "../vfs/types.ts";
import { CommandError } from "./errors.ts";
import { Pattern } from "./pattern.ts";

/** Names found for one pattern, and on the way there, at most. */
export const MAX_MATCHES = 32_768;

/** What they may take together, in bytes: more would be too much for any command. */
const MAX_BYTES = 4 * 1024 * 1024;

const PAGE = 128;

/** What a pattern is looked up in. */
export interface GlobScope {
  readonly fs: UserFileSystem;
  /** a path as the user wrote it, made absolute */
  resolve(path: ByteString): ByteString;
  /** called for every name looked at; rejects when the work is to stop */
  step(): Promise<void>;
}

/**
 * The paths that match, sorted by their bytes; the pattern itself, taken literally, when none does.
 * @throws CommandError (126) when there are too many
 */
export async function expandPattern(pattern: ByteString, scope: GlobScope): Promise<ByteString[]> {
  const parts = pattern.split("/") as ByteString[];
  const last = parts.length - 1;
  let found = [""] as ByteString[];
  // Literal segments since the last pattern: put behind what was found all at once.
  let fixed = "";
  for (const [index, part] of parts.entries()) {
    const end = index === last ? "" : "/";
    const segment = new Pattern(part);
    if (segment.literal === undefined) {
      found = await children(extended(found, fixed), part, segment, end, scope);
      fixed = "";
    } else fixed += segment.literal + end;
  }
  if (fixed !== "") found = await existing(extended(found, fixed), scope);
  if (found.length > 0) return found.sort((a, b) => (a < b ? -1 : 1));
  return [parts.map((part) => new Pattern(part).literal ?? literal(part)).join("/") as ByteString];
}

/** True when a pattern has anything to expand. */
export function isPattern(pattern: ByteString): boolean {
  return pattern.split("/").some((part) => new Pattern(part as ByteString).literal === undefined);
}

/** Leaves out what is too long to be anything, which takes memory only. */
function extended(paths: readonly ByteString[], fixed: string): ByteString[] {
  return paths
    .filter((path) => path.length + fixed.length <= MAX_PATH_BYTES)
    .map((path) => (path + fixed) as ByteString);
}

function literal(part: ByteString): string {
  return part.replace(/\\(.)/gs, "$1");
}

async function children(
  directories: readonly ByteString[],
  part: ByteString,
  pattern: Pattern,
  end: string,
  scope: GlobScope,
): Promise<ByteString[]> {
  const hidden = /^\\?\./.test(part);
  const found: ByteString[] = [];
  let length = 0;
  for (const path of directories) {
    await scope.step();
    for await (const { name, stat } of entries(path, scope)) {
      await scope.step();
      if ((name.startsWith(".") && !hidden) || !pattern.matches(name)) continue;
      const match = (path + name) as ByteString;
      if (end !== "" && !(await isDirectory(match, stat.mode, scope))) continue;
      length += match.length;
      if (found.length >= MAX_MATCHES || length > MAX_BYTES)
        throw new CommandError("too many names match", 126);
      found.push((match + end) as ByteString);
    }
  }
  return found;
}

async function* entries(path: ByteString, { fs, resolve }: GlobScope) {
  const directory = await fs.openDirectory(resolve(path)).catch(none);
  if (directory === undefined) return;
  try {
    for (;;) {
      const page = await directory.next(PAGE);
      if (page.length === 0) return;
      for (const entry of page) if (entry.name !== "." && entry.name !== "..") yield entry;
    }
  } finally {
    await directory.close();
  }
}

async function isDirectory(path: ByteString, mode: number, scope: GlobScope): Promise<boolean> {
  if ((mode & S_IFMT) !== S_IFLNK) return (mode & S_IFMT) === S_IFDIR;
  const target = await scope.fs.stat(scope.resolve(path)).catch(none);
  return target !== undefined && (target.mode & S_IFMT) === S_IFDIR;
}

async function existing(paths: readonly ByteString[], scope: GlobScope): Promise<ByteString[]> {
  const found: ByteString[] = [];
  for (const path of paths) {
    await scope.step();
    const stat = await scope.fs.lstat(scope.resolve(path)).catch(none);
    if (stat === undefined) continue;
    if (path.endsWith("/") && !(await isDirectory(path, stat.mode, scope))) continue;
    found.push(path);
  }
  return found;
}

/** What can't be looked at does not match. */
function none(thrown: unknown): undefined {
  if (!(thrown instanceof FsError)) throw thrown;
}
