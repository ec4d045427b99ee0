import { type ExecFileSyncOptions, execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/types.ts";
import { ControlError } from "./errors.ts";
import { type Owner, shellWord } from "./secrets.ts";

/** Homes that are looked at before privileges are dropped: more belong together. */
const MOST_HOMES = 1_000;

/** Whom a server becomes. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** "moorage:moorage", for commands that mend */
  readonly name: string;
}

/** What the system says of users and groups, and of this process. */
export interface Accounts {
  /** of this process */
  readonly own: number;
  /** undefined: there is none of that name */
  uid(user: string): number | undefined;
  /** a user's own group */
  gidOf(user: string): number | undefined;
  gid(group: string): number | undefined;
}

/** By id(1) and getent(1), which ask whatever the machine has its users in. */
export const SYSTEM: Accounts = {
  own: process.getuid?.() ?? 0,
  uid: (user) => numberFrom("id", ["-u", "--", user]),
  gidOf: (user) => numberFrom("id", ["-g", "--", user]),
  gid: (group) => numberFrom("getent", ["group", "--", group], 2),
};

function numberFrom(program: string, args: readonly string[], field = 0): number | undefined {
  try {
    const options: ExecFileSyncOptions = { stdio: ["ignore", "pipe", "ignore"] };
    const text = `${execFileSync(program, args, options)}`.trim().split(":")[field] ?? "";
    return /^\d+$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whom the server is to become; undefined: it stays who it is.
 * @throws ControlError when there is no such user, or this process can't become it
 */
export function serverIdentity(
  { user, group }: Pick<Config["server"], "user" | "group">,
  accounts: Accounts = SYSTEM,
): Identity | undefined {
  if (user === "") return undefined;
  const uid = accounts.uid(user);
  if (uid === undefined) throw new ControlError(`server.user: there is no user ${user} here`);
  if (accounts.own !== 0) {
    if (uid === accounts.own) return undefined;
    throw new ControlError(
      `server.user is ${user}, and only root can become another user: start this as root or as ${user}`,
    );
  }
  if (uid === 0) {
    throw new ControlError("server.user is root: name another user, or remove the setting");
  }
  const gid = group === "" ? accounts.gidOf(user) : accounts.gid(group);
  if (gid === undefined) throw new ControlError(`server.group: there is no group ${group} here`);
  if (gid === 0) throw new ControlError("server.group is root's: set server.group to another one");
  return { uid, gid, name: group === "" ? `${user}:` : `${user}:${group}` };
}

/** Whose an instance's secrets have to be. @param identity whom the server becomes, if anybody */
export function ownerFor(identity: Identity | undefined): Owner {
  const uid = identity?.uid ?? process.getuid?.() ?? 0;
  return { uid, name: identity?.name ?? `${uid}`, alone: identity !== undefined };
}

/**
 * Looks, while root still could mend it, whether all that the server will need is its user's.
 * @throws ControlError that names the command
 */
export function refuseStrangersFiles(root: string, { uid, name }: Identity): void {
  const place = shellWord(root);
  const top = lstatSync(root, { throwIfNoEntry: false });
  if (top === undefined) {
    const [user = "", group = ""] = name.split(":");
    const groupOption = group === "" ? "" : ` -g ${group}`;
    throw new ControlError(
      `${root} is not there: make it, install -d -m 700 -o ${user}${groupOption} ${place}`,
    );
  }
  const stranger = [root, ...inside(root)].find((path) => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat !== undefined && stat.uid !== uid;
  });
  if (stranger === undefined) return;
  throw new ControlError(
    `${stranger} is not the server's user's (server.user): run chown -R ${name} ${place}`,
  );
}

function* inside(root: string): Generator<string> {
  for (const name of ["keys", "db", "homes"]) {
    const directory = join(root, name);
    if (!lstatSync(directory, { throwIfNoEntry: false })?.isDirectory()) continue;
    yield directory;
    const names = readdirSync(directory).filter((one) => one !== "lost+found");
    for (const one of names.slice(0, MOST_HOMES)) yield join(directory, one);
  }
}

/**
 * Becomes that user for good, with that one group and without any capability.
 * @throws Error when anything of what it was is left
 */
export function becomeForGood({ uid, gid }: Identity): void {
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  refuseLeftovers(readFileSync("/proc/self/status", "latin1"), { uid, gid });
}

/** @param status as /proc/PID/status (proc_pid_status(5)) has it */
export function refuseLeftovers(status: string, { uid, gid }: Omit<Identity, "name">): void {
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1]?.trim() ?? "";
  const all = (name: string, number: number): boolean =>
    field(name)
      .split(/\s+/)
      .every((one) => one === `${number}`);
  const powerless = ["CapPrm", "CapEff", "CapInh", "CapAmb"].every((name) =>
    /^0*$/.test(field(name)),
  );
  if (all("Uid", uid) && all("Gid", gid) && all("Groups", gid) && powerless) return;
  throw new ControlError("privileges could not be dropped for good: the server does not start");
}

/** Does what is done at once, without waiting, as that user, and is root again after it. */
export function asUser<T>(identity: Pick<Identity, "uid" | "gid">, work: () => T): T {
  const back = actAs(identity);
  try {
    return work();
  } finally {
    back();
  }
}

/**
 * What root does to an instance, it does as its owner: what it makes there has to be the server's. The
 * process is root again when `work` is over.
 * @param root the instance's directory
 */
export async function asInstanceOwner<T>(root: string, work: () => Promise<T>): Promise<T> {
  const owner = process.geteuid?.() === 0 ? ownerOf(join(root, "db")) : undefined;
  if (owner === undefined || owner.uid === 0) return work();
  const back = actAs(owner);
  try {
    return await work();
  } finally {
    back();
  }
}

function ownerOf(directory: string): Stats | undefined {
  try {
    return statSync(directory);
  } catch {
    return undefined;
  }
}

/** @returns what makes this process root again */
function actAs({ uid, gid }: Pick<Identity, "uid" | "gid">): () => void {
  try {
    process.setegid?.(gid);
    process.seteuid?.(uid);
  } catch (thrown) {
    // A container may take even from root that it can become somebody else.
    if ((thrown as NodeJS.ErrnoException).code !== "EPERM") throw thrown;
  }
  return () => {
    if (process.geteuid?.() !== 0) process.seteuid?.(0);
    process.setegid?.(0);
  };
}
