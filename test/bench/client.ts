import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Peer } from "./peers.ts";
import { run } from "./processes.ts";
import type { Workspace } from "./workspace.ts";

/** What most is measured with, and stock clients agree on with both servers. */
export const CIPHER = "aes128-gcm@openssh.com";

/**
 * Options for the same key exchange with all servers. The one that stock clients prefer with OpenSSH's
 * takes more than half of the time of a login, much of it at the client.
 */
export const SAME_KEX: readonly string[] = ["-o", "KexAlgorithms=curve25519-sha256"];

/** The slowest transfer that is still waited for, in bytes a second. */
const SLOWEST = 4e6;

/** One run of the stock sftp client. */
export interface Sample {
  /** from the start of the client, or the first of them, to the last one's end, login included */
  readonly seconds: number;
  /** CPU seconds of the server */
  readonly cpu: number;
}

function options(workspace: Workspace, cipher: string, logLevel: string): string[] {
  const pairs = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "StrictHostKeyChecking=accept-new",
    `UserKnownHostsFile=${join(workspace.root, "known_hosts")}`,
    "GlobalKnownHostsFile=/dev/null",
    `LogLevel=${logLevel}`,
    `Ciphers=${cipher}`,
  ];
  return ["-F", "/dev/null", "-i", workspace.key, ...pairs.flatMap((pair) => ["-o", pair])];
}

function from(peer: Peer): string[] {
  return ["-o", `BindAddress=${peer.from}`];
}

/** What stock sftp is called with to run the commands of a batch file, "-" for its input. */
export function sftpArgs(
  peer: Peer,
  workspace: Workspace,
  cipher: string,
  batch: string,
  more: readonly string[] = [],
): string[] {
  const login = ["-P", String(peer.port), "-b", batch, `${peer.user}@127.0.0.1`];
  return ["-q", ...more, ...options(workspace, cipher, "ERROR"), ...from(peer), ...login];
}

/** Runs the commands in one connection of its own; several may be under way. Rejects when one fails. */
export async function batch(
  peer: Peer,
  workspace: Workspace,
  cipher: string,
  commands: readonly string[],
  more: readonly string[] = [],
): Promise<void> {
  const args = sftpArgs(peer, workspace, cipher, "-", more);
  const limit = 60 + workspace.bytes / SLOWEST;
  const { code, errors } = await run("sftp", args, `${commands.join("\n")}\n`, limit);
  if (code !== 0) throw new Error(`sftp on ${peer.name} failed (${code}): ${errors.trim()}`);
}

/** Times what clients do, with the CPU time that the server takes for it. Nobody else may use it. */
export async function measured(peer: Peer, work: () => Promise<unknown>): Promise<Sample> {
  const before = await peer.cpu();
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1_000;
  return { seconds, cpu: (await peer.cpu()) - before };
}

/** A batch, measured. */
export function sftp(...args: Parameters<typeof batch>): Promise<Sample> {
  return measured(args[0], () => batch(...args));
}

/** Runs a command over a connection of its own. Resolves to the seconds it took, login included. */
export function ssh(peer: Peer, workspace: Workspace, command: string): Promise<number> {
  return connection(peer, workspace, [`${peer.user}@127.0.0.1`, command]);
}

/** Logs in, opens sftp and leaves, with SAME_KEX. Resolves to the seconds it took. */
export function visit(peer: Peer, workspace: Workspace): Promise<number> {
  return connection(peer, workspace, [...SAME_KEX, "-s", `${peer.user}@127.0.0.1`, "sftp"]);
}

async function connection(peer: Peer, workspace: Workspace, what: string[]): Promise<number> {
  const login = ["-q", ...options(workspace, CIPHER, "ERROR"), ...from(peer)];
  const args = [...login, "-p", String(peer.port), "-T", ...what];
  const { seconds, code, errors } = await run("ssh", args, "", 60 + workspace.bytes / SLOWEST);
  if (code === 0) return seconds;
  throw new Error(`ssh ${what.join(" ")} on ${peer.name} failed (${code}): ${errors.trim()}`);
}

/** What the client and this server agree on: "kex, cipher, mac". */
export function negotiated(peer: Peer, workspace: Workspace, cipher: string): string {
  const login = ["-p", String(peer.port), "-l", peer.user, "-T", "-s", "127.0.0.1", "sftp"];
  const args = [...options(workspace, cipher, "DEBUG"), ...login];
  const { stderr } = spawnSync("ssh", args, {
    input: "",
    encoding: "utf8",
    timeout: 20_000,
  });
  const kex = /kex: algorithm: (\S+)/.exec(stderr)?.[1] ?? "?";
  const [, name, mac] = /server->client cipher: (\S+) MAC: (\S+)/.exec(stderr) ?? [];
  return `${kex}, ${name ?? "?"}, ${mac ?? "?"}`;
}

/** Throws unless the two files, or the two trees, hold the same bytes. */
export function compare(one: string, other: string): void {
  try {
    execFileSync("diff", ["-rq", one, other], { stdio: "pipe" });
  } catch {
    throw new Error(`${one} and ${other} differ: the transfer is broken`);
  }
}
