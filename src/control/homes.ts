import { randomBytes } from "node:crypto";
import type { Dirent } from "node:fs";
import { chmod, lstat, mkdir, opendir, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { homeOf } from "../vfs/homes.ts";
import { ControlError } from "./errors.ts";

/** Names of users begin with a letter or digit, so nothing of theirs is ever called so. */
const TRASH_PREFIX = ".trash-";

/**
 * Makes the user's home (0700) if there is none.
 * @returns true when it was there already
 */
export async function makeHome(root: string, name: string): Promise<boolean> {
  const path = homeOf(root, name);
  try {
    await mkdir(path, { mode: 0o700 });
    return false;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
  }
  // lstat: a link would lead out of the instance.
  if ((await lstat(path)).isDirectory()) return true;
  throw new ControlError(`homes/${name} is in the way: it is not a directory; move it away`);
}

/** Takes back a home that {@link makeHome} made, and nobody had. */
export async function dropEmptyHome(root: string, name: string): Promise<void> {
  await rmdir(homeOf(root, name)).catch(() => undefined);
}

/** A home that is out of sight: nobody of its name, old or new, has it. */
interface AsideHome {
  putBack(): Promise<void>;
  /** Rejects with ControlError, which says what is left. */
  destroy(): Promise<void>;
}

/**
 * Deletes the home of one who has no sessions any more, together with what `forget` removes: first it
 * is taken out of sight, so that a new user of the name never meets the old files. When `forget`
 * rejects it is put back.
 * @returns false when there was no home
 */
export async function deleteHome(
  root: string,
  name: string,
  forget: () => Promise<void>,
): Promise<boolean> {
  const home = await setAside(root, name);
  try {
    await forget();
  } catch (thrown) {
    await home?.putBack();
    throw thrown;
  }
  await home?.destroy();
  return home !== undefined;
}

/** undefined: there is none */
async function setAside(root: string, name: string): Promise<AsideHome | undefined> {
  const home = homeOf(root, name);
  const suffix = randomBytes(6).toString("hex");
  const trash = join(root, "homes", `${TRASH_PREFIX}${name}-${suffix}`);
  try {
    await rename(home, trash);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
  const destroy = async (): Promise<void> => {
    await removeTree(trash);
    await emptyTrash(root);
  };
  return {
    putBack: () => rename(trash, home),
    destroy: () => destroy().catch((thrown) => Promise.reject(leftBehind(name, thrown))),
  };
}

function leftBehind(name: string, { code = "an error" }: NodeJS.ErrnoException): ControlError {
  return new ControlError(
    `${name} is removed, but not all the files are (${code}): the rest is deleted when the server starts`,
  );
}

/** Deletes what an interrupted {@link deleteHome} left behind. */
export async function emptyTrash(root: string): Promise<void> {
  const names = await readdir(join(root, "homes")).catch(() => []);
  for (const name of names) {
    if (name.startsWith(TRASH_PREFIX)) {
      await removeTree(join(root, "homes", name)).catch((thrown: NodeJS.ErrnoException) => {
        // Another process does the same at this moment.
        if (thrown.code !== "ENOENT" && thrown.code !== "ENOTEMPTY") throw thrown;
      });
    }
  }
}

/**
 * Deletes a tree of any depth. By moving directories into each other a client makes paths that are
 * too long for the system, so directories are moved to the top, and nothing lies deeper than there.
 */
async function removeTree(top: string): Promise<void> {
  // A home may be a link that the machine's owner made: what it leads to is not ours to delete.
  if (!(await lstat(top)).isDirectory()) return unlink(top);
  const prefix = randomBytes(6).toString("hex");
  let moved = 0;
  const raise = (path: Buffer): Promise<void> => {
    moved += 1;
    return rename(path, join(top, `${prefix}-${moved}`));
  };
  const remove = async (path: Buffer): Promise<void> => {
    await eachEntry(path, raise);
    await rmdir(path);
  };
  let more = true;
  while (more) more = await eachEntry(Buffer.from(top), remove);
  await rmdir(top);
}

/**
 * Unlinks the files of a directory and hands on what are directories themselves.
 * @returns false when it was empty
 */
async function eachEntry(
  directory: Buffer,
  onDirectory: (path: Buffer) => Promise<void>,
): Promise<boolean> {
  // Clients may have made it read-only.
  await chmod(directory, 0o700);
  let any = false;
  // Node's types know only text encodings; "buffer" gives names as bytes.
  const encoding = "buffer" as BufferEncoding;
  for await (const entry of await opendir(directory, { encoding })) {
    any = true;
    const path = Buffer.concat([directory, Buffer.from("/"), nameOf(entry)]);
    if (!entry.isDirectory()) await unlink(path);
    else {
      // To be moved it has to be writable itself.
      await chmod(path, 0o700);
      await onDirectory(path);
    }
  }
  return any;
}

function nameOf(entry: Dirent): Buffer {
  return entry.name as unknown as Buffer;
}
