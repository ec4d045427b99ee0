import { lstatSync, readdirSync, type Stats } from "node:fs";
import { join } from "node:path";
import { ControlError } from "./errors.ts";

/** Of keys/ all that is no public key; of db/ what passwords and the names of files are in. */
const SECRET: Readonly<Record<string, RegExp>> = {
  keys: /^(?!.*\.pub$)(?!\.gitignore$)/,
  db: /^(moorage\.sqlite|journal-|intent-|moorage\.log$)/,
};

const OTHERS = 0o077;

/** What is wrong with an instance's secrets, and what mends it. */
export interface OpenSecret {
  /** "keys/ can be entered by others" */
  readonly text: string;
  readonly todo: string;
}

export interface Owner {
  readonly uid: number;
  /** for a command: "moorage:moorage" */
  readonly name: string;
  /** false: what is root's is nobody stranger's */
  readonly alone: boolean;
}

/**
 * What of keys/ and db/ others than the server's user could read, or owns. What is not there is not
 * wrong. The system's errors are thrown.
 */
export function openSecrets(root: string, owner: Owner): OpenSecret[] {
  return Object.entries(SECRET).flatMap(([name, pattern]) => {
    const directory = statOf(join(root, name));
    if (directory === undefined) return [];
    const found = wrongWith(directory, root, `${name}/`, owner);
    // Who may not look into it is told of the directory.
    if (found.length > 0 && !mayRead(join(root, name))) return found;
    const files = readdirSync(join(root, name)).filter((file) => pattern.test(file));
    return [...found, ...files.flatMap((file) => wrongWithFile(root, `${name}/${file}`, owner))];
  });
}

function wrongWithFile(root: string, name: string, owner: Owner): OpenSecret[] {
  const stat = statOf(join(root, name));
  return stat?.isFile() ? wrongWith(stat, root, name, owner) : [];
}

function wrongWith(stat: Stats, root: string, name: string, owner: Owner): OpenSecret[] {
  const path = join(root, name);
  const own = stat.uid === owner.uid || (stat.uid === 0 && !owner.alone);
  if (!own) {
    const text = `${name} belongs to another user (uid ${stat.uid}) than the server's`;
    return [{ text, todo: `chown -R ${owner.name} ${shellWord(root)}` }];
  }
  if ((stat.mode & OTHERS) === 0) return [];
  if (!stat.isDirectory()) {
    return [{ text: `${name} can be read by others`, todo: `chmod 600 ${shellWord(path)}` }];
  }
  return [{ text: `${name} can be entered by others`, todo: `chmod 700 ${shellWord(path)}` }];
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function mayRead(directory: string): boolean {
  try {
    readdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

/** As a person can paste it. */
export function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** @throws ControlError with the first that is wrong, and how many there are */
export function refuseOpenSecrets(root: string, owner: Owner): void {
  const [first, ...more] = openSecrets(root, owner);
  if (first === undefined) return;
  const others = more.length === 0 ? "" : ` (and ${more.length} more: see \`moorage check\`)`;
  throw new ControlError(`${first.text}: run ${first.todo}${others}`);
}
