import { randomUUID } from "node:crypto";
import { chmod, link, open, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

export async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Writes a file that must not be there yet, to the disk. */
export async function writeNew(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, "wx", mode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Makes a file that only its owner may read, and closes its directory to others. Of two processes
 * that do so at once the first one's file stays.
 */
export async function makeSecret(file: string, text: string): Promise<void> {
  await closeDirectory(dirname(file));
  const fresh = `${file}.${randomUUID()}.new`;
  await writeNew(fresh, text, 0o600);
  try {
    await link(fresh, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(fresh, { force: true });
  }
}

/** A checkout's keys/ is open to all. One that is another user's stays, and `check` tells of it. */
async function closeDirectory(directory: string): Promise<void> {
  try {
    await chmod(directory, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  }
}
