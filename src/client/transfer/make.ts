import { nearest } from "../../config/nearest.ts";
import { FileError, RemoteError } from "../errors.ts";
import { DEEPEST, directoryOf, joinRemote, remoteName } from "../names.ts";
import type { ClientConnection } from "../remote/remote.ts";
import { isLost, type TransferContext } from "./job.ts";

/** So many names beside a new directory are looked at. Some servers send a hundred in each answer. */
const MOST_BESIDE = 1_000;

type Exists = Pick<ClientConnection, "exists">;

/**
 * The directories that are missing on the way to a path and at it, the topmost first. Rejects with
 * RemoteError, or FileError where something else is in the way.
 */
async function missing(connection: Exists, path: string): Promise<string[]> {
  const found: string[] = [];
  for (let at = path; found.length <= DEEPEST; at = directoryOf(at)) {
    const there = await connection.exists(at);
    if (there?.type === "directory") break;
    if (there !== undefined) throw new FileError(`${at}: is not a directory`, "not-a-directory");
    found.unshift(at);
    if (directoryOf(at) === at) break;
  }
  return found;
}

/**
 * Makes a directory with those above it, where they are missing.
 * @param mode of the last one
 * @returns those that were made, the topmost first
 */
export async function makeAll(
  connection: Exists & Pick<ClientConnection, "mkdir">,
  path: string,
  mode?: number,
): Promise<readonly string[]> {
  const all: string[] = [];
  for (const one of await missing(connection, path)) {
    if (await make(connection, one, one === path ? mode : undefined)) all.push(one);
  }
  return all;
}

/**
 * Makes one directory. Rejects with RemoteError where it is not there afterwards.
 * @returns false where it was there already, or somebody else has made it meanwhile
 */
export async function make(
  connection: Exists & Pick<ClientConnection, "mkdir">,
  path: string,
  mode: number | undefined,
): Promise<boolean> {
  try {
    await connection.mkdir(path, mode);
    return true;
  } catch (error) {
    if (isLost(error)) throw error;
    const there = await connection.exists(path);
    if (there?.type !== "directory") throw error;
    return false;
  }
}

/**
 * Makes the target of a job where it is missing, and says so: a name that was mistyped would make a new
 * directory beside the one that was meant.
 * @returns true when it is new
 */
export async function makeTarget(
  { connection, job, emit }: TransferContext,
  path: string,
  mode?: number,
): Promise<boolean> {
  const all = job.dryRun ? await missing(connection, path) : await makeAll(connection, path, mode);
  const [top] = all;
  if (top === undefined) return false;
  const like = await similar(connection, top);
  const told = { target: path, ...(like !== undefined && { like }) };
  if (job.dryRun) emit({ type: "planned", file: 0, action: "make", ...told });
  else emit({ type: "made", ...told });
  return all.includes(path);
}

/** A directory beside a new one, whose name may have been meant. */
export async function similar(
  connection: Pick<ClientConnection, "list">,
  path: string,
): Promise<string | undefined> {
  const above = directoryOf(path);
  const name = remoteName(path);
  const near = nearest(name, (await directoriesIn(connection, above)).filter(isOther(name)));
  return near === undefined ? undefined : joinRemote(above, near);
}

/** 2025 is no mistake for 2024, nor photos-2 for photos. */
function isOther(name: string): (other: string) => boolean {
  const letters = (text: string): string => text.replace(/[\d._-]/g, "");
  return (other) =>
    other !== name && (!/\d/.test(name + other) || letters(other) !== letters(name));
}

/** Nothing where they can't be listed. */
async function directoriesIn(
  connection: Pick<ClientConnection, "list">,
  path: string,
): Promise<string[]> {
  const names: string[] = [];
  let looked = 0;
  try {
    for await (const batch of connection.list(path)) {
      for (const { name, type } of batch) if (type === "directory") names.push(name);
      looked += batch.length;
      if (looked > MOST_BESIDE) break;
    }
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
  }
  return names.filter((name) => name !== "." && name !== ".." && !name.includes("/"));
}
