import { lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { InstanceError } from "../errors.ts";
import { UNFINISHED } from "../store/belongings.ts";
import { visible } from "../text/safe.ts";

/** Directories of an instance; each may be a disk of its own, mounted already. */
export const PARTS = ["keys", "db", "homes"] as const;

/** What a file system has at its top by itself. */
const OF_THE_DISK = "lost+found";
const SHOWN = 3;

const TEXT = `A restore of a backup into this directory has not finished: this is no whole instance.
Delete what is in it, then run \`moorage restore\` again.
`;

/** @throws InstanceError when something is in the directory already */
export function requireEmpty(root: string): void {
  const names = namesIn(root, "");
  if (names.includes(UNFINISHED)) {
    throw new InstanceError(
      "a restore into this directory did not finish: delete what is in it, or give another --root",
    );
  }
  const found = names.flatMap((name) => {
    const isPart = PARTS.some((part) => part === name);
    if (!isPart || !lstatSync(join(root, name)).isDirectory()) return [name];
    return namesIn(root, name).map((inside) => `${name}/${inside}`);
  });
  if (found.length === 0) return;
  const more = found.length > SHOWN ? ", …" : "";
  const what = found.includes("db/moorage.sqlite") ? "an instance" : "something";
  throw new InstanceError(
    `there is ${what} already (${visible(found.slice(0, SHOWN).join(", "))}${more}): a backup is restored into an empty directory; give another --root`,
  );
}

function namesIn(root: string, name: string): string[] {
  const directory = join(root, name);
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(directory)
    .filter((found) => found !== OF_THE_DISK)
    .sort();
}

/** Makes the directories of an instance, and from here on it says that it is not whole. */
export function begin(root: string): void {
  makeDirectory(root);
  writeFileSync(join(root, UNFINISHED), TEXT, { mode: 0o600, flag: "wx" });
  for (const part of PARTS) makeDirectory(join(root, part));
}

/** All is there. */
export function finish(root: string): void {
  rmSync(join(root, UNFINISHED));
}

/** With its parents. Node's own recursive mkdir never ends where nothing can be made (below /proc). */
function makeDirectory(directory: string): void {
  if (lstatSync(directory, { throwIfNoEntry: false }) !== undefined) return;
  if (dirname(directory) !== directory) makeDirectory(dirname(directory));
  mkdirSync(directory, 0o700);
}
