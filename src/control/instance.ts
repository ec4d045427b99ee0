import { accessSync, chmodSync, constants, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { isElsewhere, refuseUnfinished } from "../store/belongings.ts";
import { ControlError } from "./errors.ts";
import { shellWord } from "./secrets.ts";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  ENOENT: "it can't be made there",
  EROFS: "the file system is read-only",
  ENOTDIR: "a part of the path is not a directory",
  EEXIST: "it is not a directory",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
};

/**
 * True when the directory holds an instance's database, or says that it is elsewhere. Makes nothing.
 * @throws ControlError when that can't be seen
 */
export function instanceExists(root: string): boolean {
  try {
    return isElsewhere(root) || statSync(join(root, "db", "moorage.sqlite")).isFile();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw new ControlError(`not allowed to look into ${root}: run this as the instance's owner`);
  }
}

/**
 * True when the directory has no database yet, but was made to be an instance: it has settings, or the
 * three directories of a checkout.
 */
export function isSetOut(root: string): boolean {
  const has = (name: string) => statSync(join(root, name), { throwIfNoEntry: false }) !== undefined;
  return has("moorage.toml") || ["keys", "homes", "db"].every(has);
}

/** Says that no server runs there, and also when it is because the directory holds no instance. */
export function noServer(root: string): string {
  const none = `no server runs on ${root}`;
  if (instanceExists(root)) return none;
  return `${none}: there is no instance in it; give --root DIR with the directory of one`;
}

/** @throws ControlError that says how to make one; InstanceError when one is half restored */
export function requireInstance(root: string): void {
  if (instanceExists(root)) return;
  refuseUnfinished(root);
  throw noInstance(root, `run \`moorage serve --root ${shellWord(root)}\``);
}

/** @param toMake what a person does to get a new instance in that directory */
export function noInstance(root: string, toMake: string): ControlError {
  return new ControlError(
    `no instance in ${root}: give --root DIR with the directory of one; for a new one here, ${toMake}`,
  );
}

/**
 * Makes the directories of an instance that are missing, and checks that they can be written. Of
 * one that has a database homes/ is not made anew: it may be a disk that is not mounted.
 */
export function prepareInstance(root: string): void {
  makeWritable(root, undefined);
  const isNew = !instanceExists(root);
  const made = isNew ? ["keys", "homes", "db"] : ["keys", "db"];
  for (const name of made) makeWritable(join(root, name), 0o700);
  // Those of a checkout are open to all.
  if (isNew) for (const name of ["keys", "db"]) closeToOthers(join(root, name));
}

function makeWritable(directory: string, mode: number | undefined): void {
  try {
    makeDirectory(directory, mode);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? "";
    throw new ControlError(
      `can't write in ${directory}: ${REASONS[code] ?? code}; give it to the user that runs this, or another --root`,
    );
  }
}

/** One that is another user's stays: a server refuses it, and says so. */
function closeToOthers(directory: string): void {
  try {
    chmodSync(directory, 0o700);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "EPERM") throw thrown;
  }
}

/** With its parents. Node's own recursive mkdir never ends where nothing can be made (below /proc). */
function makeDirectory(directory: string, mode: number | undefined): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(directory) !== directory) makeDirectory(dirname(directory), undefined);
  try {
    mkdirSync(directory, mode);
  } catch (thrown) {
    // Another process may have made it meanwhile.
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw thrown;
  }
}
