import { randomBytes } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { homeOf } from "../vfs/home.ts";
import { ControlError } from "./errors.ts";

/** Names of users begin with a letter or digit, so nothing of theirs is ever called so. */
const TRASH_PREFIX = ".trash-";

/**
 * Makes the user's home (0700) if there is none.
 * @returns true when it was there already
 */
export async function makeHome(root: string, name: string): Promise<boolean> {
  const path = homeOf(root, name);
  await mkdir(join(root, "homes"), { recursive: true, mode: 0o700 });
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

/**
 * Deletes the home of a user who has no sessions any more, after taking it out of sight, so that a
 * new user of the name never meets the old files.
 * @returns false when there was none
 */
export async function deleteHome(root: string, name: string): Promise<boolean> {
  const suffix = randomBytes(6).toString("hex");
  const trash = join(root, "homes", `${TRASH_PREFIX}${name}-${suffix}`);
  try {
    await rename(homeOf(root, name), trash);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw thrown;
  }
  await rm(trash, { recursive: true, force: true });
  return true;
}

/** Deletes what an interrupted {@link deleteHome} left behind. */
export async function emptyTrash(root: string): Promise<void> {
  const names = await readdir(join(root, "homes")).catch(() => []);
  for (const name of names) {
    if (name.startsWith(TRASH_PREFIX)) {
      await rm(join(root, "homes", name), { recursive: true, force: true });
    }
  }
}
