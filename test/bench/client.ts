import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Peer } from "./peers.ts";
import { run } from "./processes.ts";
import type { Workspace } from "./workspace.ts";

/** The slowest transfer that is still waited for, in bytes a second. */
const SLOWEST = 4e6;

/** One run of the stock sftp client. */
export interface Sample {
  /** from the start of the client to its end, login included */
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

/** Runs the commands in one connection of its own and measures it. Rejects when one fails. */
export async function sftp(
  peer: Peer,
  workspace: Workspace,
  cipher: string,
  commands: readonly string[],
  more: readonly string[] = [],
): Promise<Sample> {
  const login = ["-P", String(peer.port), "-b", "-", `${peer.user}@127.0.0.1`];
  const limit = 60 + workspace.bytes / SLOWEST;
  const before = await peer.cpu();
  const args = ["-q", ...more, ...options(workspace, cipher, "ERROR"), ...login];
  const { seconds, code, errors } = await run("sftp", args, `${commands.join("\n")}\n`, limit);
  if (code !== 0) throw new Error(`sftp on ${peer.name} failed (${code}): ${errors.trim()}`);
  return { seconds, cpu: (await peer.cpu()) - before };
}

/** Runs a command over a connection of its own. Resolves to the seconds it took, login included. */
export async function ssh(peer: Peer, workspace: Workspace, command: string): Promise<number> {
  const login = ["-p", String(peer.port), "-T", `${peer.user}@127.0.0.1`, command];
  const args = ["-q", ...options(workspace, "aes128-gcm@openssh.com", "ERROR"), ...login];
  const { seconds, code, errors } = await run("ssh", args, "", 60 + workspace.bytes / SLOWEST);
  if (code !== 0) throw new Error(`${command} on ${peer.name} failed (${code}): ${errors.trim()}`);
  return seconds;
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
