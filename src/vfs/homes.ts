import { lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { InstanceError } from "../errors.ts";
import type { Books } from "./books.ts";
import type { Owner } from "./types.ts";

/** Virtual user IDs start where Linux distributions start those of people. */
const FIRST_UID = 1000;

/** The host's path of a user's home. */
export function homeOf(root: string, name: string): string {
  return join(root, "homes", name);
}

export function ownerOf(account: { readonly id: number; readonly name: string }): Owner {
  const uid = FIRST_UID + account.id;
  return { uid, gid: uid, user: account.name, group: account.name };
}

/**
 * The host's path of a user's home; undefined when there is none.
 * @throws InstanceError when it is no directory: a link would lead out of the instance
 */
export function existingHome(root: string, name: string): string | undefined {
  const home = homeOf(root, name);
  const stat = lstatSync(home, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (stat.isDirectory()) return home;
  const what = stat.isSymbolicLink() ? "a symbolic link" : "not a directory";
  throw new InstanceError(
    `homes/${name} is ${what}: a home has to be a directory; what is elsewhere can be mounted there (mount --bind)`,
  );
}

/**
 * Makes the home of a user who has none (0700). Rejects with InstanceError when it had files.
 * @returns the host's path
 */
export async function madeHome({
  root,
  account,
  books,
}: {
  readonly root: string;
  readonly account: { readonly id: number; readonly name: string };
  readonly books: Pick<Books, "usage">;
}): Promise<string> {
  const { id, name } = account;
  const { usedFiles } = await books.usage(id);
  if (usedFiles > 0) {
    throw new InstanceError(
      `homes/${name} is missing, and should have ${usedFiles} files: mount or restore it; if they are lost, run \`moorage usage ${name} --rescan\``,
    );
  }
  const home = homeOf(root, name);
  // Another session of the user may make it at this moment.
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return home;
}
