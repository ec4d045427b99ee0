import { constants } from "node:fs";
import { type FileHandle, lstat, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { FILE_NAME, FileProblem } from "./file.ts";

/** Beside the file, and while it is there the sign that somebody writes. */
const NEW = `${FILE_NAME}.new`;
/** What is left of a process that was killed in between is taken away after so long. */
const STALE_MS = 60_000;

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "not allowed: do it as the instance's owner",
  EPERM: "not allowed: do it as the instance's owner",
  EROFS: "the file system is read-only",
  EBUSY: "it is a mount of its own: change the file that is mounted there",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  ENOENT: "the instance's directory is not there",
  ENOTDIR: "the instance's directory is not there",
};

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What was there before. */
interface Found extends Owner {
  readonly text: string;
  readonly mode: number;
  readonly inode: bigint;
}

/**
 * Changes the instance's moorage.toml, or makes it, at once and whole: whoever reads it has the old text
 * or the new one. Mode and owner stay.
 * @param change the text as it is to be, from the one that is there, or none; null: there is to be no
 * file. What it throws leaves the file untouched
 * @returns whether anything changed
 * @throws FileProblem (rejected) also when somebody else changed the file meanwhile
 */
export async function changeSettingsFile(
  root: string,
  change: (text: string, isThere: boolean) => string | null,
): Promise<boolean> {
  const fresh = join(root, NEW);
  const handle = await told(claimed(fresh));
  let isDone = false;
  try {
    const before = await told(find(root));
    const text = change(before?.text ?? "", before !== undefined);
    if (text === before?.text || (before === undefined && !text)) return false;
    if (text !== null) await told(fill(handle, text, before, root));
    await told(refuseChanged(root, before));
    await told(refuseReplaced(handle, fresh));
    const file = join(root, FILE_NAME);
    await told(text === null ? rm(file) : rename(fresh, file));
    isDone = text !== null;
    // It is done, also where a directory can't be read or its file system syncs none.
    await synced(root).catch(() => {});
    return true;
  } finally {
    if (!isDone) await discard(handle, fresh);
    await handle.close();
  }
}

/** Not what another has made in its place meanwhile. */
async function discard(handle: FileHandle, fresh: string): Promise<void> {
  const isOwn = await refuseReplaced(handle, fresh).then(
    () => true,
    () => false,
  );
  if (isOwn) await rm(fresh, { force: true });
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    if (thrown instanceof FileProblem) throw thrown;
    const { code = "unknown error" } = thrown as NodeJS.ErrnoException;
    throw new FileProblem(`${FILE_NAME} can't be written: ${REASONS[code] ?? code}`);
  }
}

/** Who makes it is the only one who writes. */
async function claimed(fresh: string): Promise<FileHandle> {
  const made = await make(fresh);
  if (made !== undefined) return made;
  const left = await lstat(fresh).catch(() => undefined);
  if (left !== undefined && Date.now() - left.mtimeMs > STALE_MS) await rm(fresh, { force: true });
  const again = await make(fresh);
  if (again !== undefined) return again;
  throw new FileProblem(`${FILE_NAME} is being changed by somebody else: try again`);
}

/** Undefined when it is there already. */
async function make(fresh: string): Promise<FileHandle | undefined> {
  try {
    return await open(fresh, "wx", 0o600);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw thrown;
  }
}

async function find(root: string): Promise<Found | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(join(root, FILE_NAME), flags).catch((thrown: unknown) => {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    if (code !== "ELOOP") throw thrown;
    throw new FileProblem(`${FILE_NAME} is a symbolic link: change the file that it leads to`);
  });
  try {
    return handle && (await read(handle));
  } finally {
    await handle?.close();
  }
}

async function read(handle: FileHandle): Promise<Found> {
  const { uid, gid, mode, ino, isFile } = await statOf(handle);
  if (!isFile) throw new FileProblem(`${FILE_NAME} is no file: put one in its place`);
  const bytes = await handle.readFile();
  const text = bytes.toString("utf8");
  // What is no UTF-8 would be written as something else.
  if (!Buffer.from(text).equals(bytes)) {
    throw new FileProblem(`${FILE_NAME} is not UTF-8: save it as that`);
  }
  return { text, uid, gid, mode, inode: ino };
}

/** The number in bigints: as a double two inodes may look alike. */
async function statOf(handle: FileHandle) {
  const found = await handle.stat({ bigint: true });
  const mode = Number(found.mode) & 0o7777;
  const owner = { uid: Number(found.uid), gid: Number(found.gid) };
  return { ...owner, mode, ino: found.ino, isFile: found.isFile() };
}

async function fill(
  handle: FileHandle,
  text: string,
  before: Found | undefined,
  root: string,
): Promise<void> {
  const owner = before ?? (await ownerOfNew(root));
  const own = await handle.stat();
  if (owner && (own.uid !== owner.uid || own.gid !== owner.gid)) await give(handle, owner);
  // As an editor would make it: nothing in it is a secret.
  await handle.chmod(before?.mode ?? 0o666 & ~process.umask());
  await handle.writeFile(text);
  await handle.sync();
}

/** What root makes is the instance's owner's: the server has to read it. */
async function ownerOfNew(root: string): Promise<Owner | undefined> {
  return process.geteuid?.() === 0 ? await stat(root) : undefined;
}

async function give(handle: FileHandle, { uid, gid }: Owner): Promise<void> {
  try {
    await handle.chown(uid, gid);
  } catch {
    throw new FileProblem(
      `${FILE_NAME} belongs to another user or group (uid ${uid}, gid ${gid}), which would not stay so: change it as root, on the server's machine`,
    );
  }
}

async function refuseChanged(root: string, before: Found | undefined): Promise<void> {
  const now = await find(root);
  if (now?.inode === before?.inode && now?.text === before?.text) return;
  throw new FileProblem(`${FILE_NAME} was changed by somebody else meanwhile: try again`);
}

/** Who stood still for long was taken for dead: what is there may be another's, and not whole. */
async function refuseReplaced(handle: FileHandle, fresh: string): Promise<void> {
  const there = await lstat(fresh, { bigint: true });
  if (there.ino === (await statOf(handle)).ino) return;
  throw new FileProblem(`${FILE_NAME} is being changed by somebody else: try again`);
}

async function synced(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
