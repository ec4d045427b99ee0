import { lstatSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { decodeName, encodeName } from "../../text/names.ts";
import { FileError } from "../errors.ts";
import { DEEPEST, joinRemote } from "../names.ts";
import type { ClientConnection } from "../remote/remote.ts";
import type { Exclusion } from "./exclude.ts";
import { inDirectory, isPlainName } from "./local.ts";

// What `sync --delete` removes. Links are removed, not followed; what is excluded stays, and with it
// the directories that it is in.

/** @param inside its path below the source. @returns false when something in it stays */
export async function removeRemote(
  connection: ClientConnection,
  path: string,
  isDirectory: boolean,
  exclusion: Exclusion,
  inside: string,
  depth = 0,
): Promise<boolean> {
  if (!isDirectory) {
    await connection.remove(path);
    return true;
  }
  if (depth > DEEPEST) throw new FileError(`${path}: too deep`);
  const below: { readonly name: string; readonly directory: boolean }[] = [];
  for await (const batch of connection.list(path)) {
    for (const { name, type } of batch) below.push({ name, directory: type === "directory" });
  }
  let whole = true;
  for (const { name, directory } of below) {
    // Names come from the server: one that leads elsewhere is none.
    if (!isPlainName(name)) continue;
    const its = `${inside}/${name}`;
    const gone =
      !exclusion.has(its, directory) &&
      (await removeRemote(
        connection,
        joinRemote(path, name),
        directory,
        exclusion,
        its,
        depth + 1,
      ));
    if (!gone) whole = false;
  }
  if (whole) await connection.rmdir(path);
  return whole;
}

/** The same here, below the directory that the person named. */
export async function removeLocal(
  top: string,
  parts: readonly string[],
  name: string,
  exclusion: Exclusion,
  inside: string,
): Promise<boolean> {
  return inDirectory(top, parts, (directory) => {
    const found = directory.lstat(name);
    if (found === undefined) return false;
    return removeEntry(directory.path(name), found.isDirectory(), exclusion, inside, 0);
  });
}

/** @returns false when something in it stays */
function removeEntry(
  path: Buffer,
  isDirectory: boolean,
  exclusion: Exclusion,
  inside: string,
  depth: number,
): boolean {
  if (!isDirectory) {
    rmSync(path);
    return true;
  }
  if (depth > DEEPEST) throw new FileError(`${decodeName(path)}: too deep`);
  let whole = true;
  for (const bytes of readdirSync(path, { encoding: "buffer" })) {
    const name = decodeName(bytes);
    const below = Buffer.concat([path, Buffer.from("/"), encodeName(name)]);
    const directory = lstatSync(below).isDirectory();
    const its = `${inside}/${name}`;
    if (exclusion.has(its, directory)) whole = false;
    else if (!removeEntry(below, directory, exclusion, its, depth + 1)) whole = false;
  }
  if (whole) rmdirSync(path);
  return whole;
}
