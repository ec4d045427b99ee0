import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { ControlError } from "./errors.ts";

/**
 * Of keys/ all that is no public key, nor one that another server is just making; of db/ what passwords and
 * the names of files are in.
 */
const SECRET: Readonly<Record<string, RegExp>> = {
  keys: /^(?!.*\.pub(?:\.[\w-]+\.new)?$)(?!\.gitignore$)/,
  db: /^(moorage\.sqlite|journal-|intent-|moorage\.log$)/,
};

const OTHERS = 0o077;

/** What is wrong with an instance's secrets, and what mends it. */
export interface OpenSecret {
  /** "keys/ can be entered by others" */
  readonly text: string;
  readonly todo: string;
  /** what a start closes to others by itself: all but keys, which somebody may have by now */
  readonly closable?: string;
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
    // An administrator may have it on another disk: the link is followed, as by all who use it.
    const directory = statSync(join(root, name), { throwIfNoEntry: false });
    if (directory === undefined) return [];
    const found = wrongWith(directory, root, `${name}/`, owner);
    // Who may not look into it is told of the directory.
    if (found.length > 0 && !mayRead(join(root, name))) return found;
    const files = readdirSync(join(root, name)).filter((file) => pattern.test(file));
    return [...found, ...files.flatMap((file) => wrongWithFile(root, `${name}/${file}`, owner))];
  });
}

function wrongWithFile(root: string, name: string, owner: Owner): OpenSecret[] {
  const stat = lstatSync(join(root, name), { throwIfNoEntry: false });
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
  if (stat.isDirectory()) {
    const todo = `chmod 700 ${shellWord(path)}`;
    return [{ text: `${name} can be entered by others`, todo, closable: path }];
  }
  const found = { text: `${name} can be read by others`, todo: `chmod 600 ${shellWord(path)}` };
  return [name.startsWith("keys/") ? found : { ...found, closable: path }];
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

/**
 * Closes to others what is the server's own: earlier versions used directories as they found them, and an
 * upgrade is no reason not to start. What can't be closed stays as it is, for `refuseOpenSecrets`.
 * @returns what was open
 */
export function closeOpenSecrets(root: string, owner: Owner): string[] {
  const open = openSecrets(root, owner).filter(({ closable }) => closable !== undefined);
  return open.flatMap(({ text, closable = "" }) => (close(closable, owner.uid) ? [text] : []));
}

/** By a descriptor: root must not be led by its name to what is another's meanwhile. */
function close(path: string, uid: number): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (stat.uid !== uid) return false;
    fchmodSync(fd, stat.mode & 0o700);
    return (fstatSync(fd).mode & OTHERS) === 0;
  } catch {
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** @throws ControlError with the first that is wrong, and how many there are */
export function refuseOpenSecrets(root: string, owner: Owner): void {
  const [first, ...more] = openSecrets(root, owner);
  if (first === undefined) return;
  const others = more.length === 0 ? "" : ` (and ${more.length} more: see \`moorage check\`)`;
  throw new ControlError(`${first.text}: run ${first.todo}${others}`);
}
