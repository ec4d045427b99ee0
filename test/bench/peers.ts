import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { descendants, makePrivsepDirectory, sshdProgram } from "../support/sshd.ts";
import {
  cpuOfAll,
  cpuTimes,
  freePort,
  hasChildren,
  type Memory,
  memoryOfAll,
  start,
  stop,
  untilListening,
} from "./processes.ts";
import type { Workspace } from "./workspace.ts";

/** A server under test. */
export interface Peer {
  readonly name: string;
  readonly user: string;
  readonly port: number;
  /** the loopback address that clients of this user come from */
  readonly from: string;
  /** where the login's files are on the disk, to compare them */
  readonly home: string;
  /** CPU seconds used so far, all connections that ended included; waits until they have */
  cpu(): Promise<number>;
  /** what all its processes occupy now */
  memory(): Memory;
  /**
   * The same server for a further user, who comes from another address. OpenSSH's has the one account that runs it: each of its
   * connections is a process of its own, whoever the user is. So files need different names.
   */
  another(user: string): Peer;
  stop(): Promise<void>;
}

/** An address of the loopback range for each user: different people come from different ones. */
function loopbackAddresses(): () => string {
  let last = 0;
  return () => `127.0.0.${++last}`;
}

/** How this server is run. */
export interface Program {
  /** a Node.js, and what of its own options it gets */
  readonly node: readonly [executable: string, ...options: string[]];
  /** the built program's entry */
  readonly main: string;
}

/** The program as it is installed; this file runs from dist/test/bench. */
const BUILT: Program = {
  node: [process.execPath],
  main: fileURLToPath(new URL("../../src/moorage.cjs", import.meta.url)),
};
/** How long a server may go on working for a connection whose client has ended. */
const SETTLE_MS = 200;

function logTail(file: string): string {
  return readFileSync(file, "utf8").trim().split("\n").slice(-5).join("\n");
}

/**
 * This server: the built program on an instance of its own, with a quota.
 * @param name of the instance, where there are several
 * @param flags of `moorage serve`
 */
export async function startMoorage(
  workspace: Workspace,
  name = "instance",
  flags: readonly string[] = [],
  program: Program = BUILT,
): Promise<Peer> {
  const [node, ...options] = program.node;
  const root = join(workspace.root, name);
  mkdirSync(root, { mode: 0o700 });
  const command = (...args: string[]) =>
    execFileSync(node, [program.main, "--root", root, ...args], { stdio: "pipe" });
  const addUser = (user: string) =>
    command("user", "add", user, "--key", `${workspace.key}.pub`, "--quota", "100GiB");
  addUser("bench");
  const port = await freePort();
  const log = join(workspace.root, `${name}.log`);
  const descriptor = openSync(log, "w");
  const address = ["--host", "127.0.0.1", "--port", String(port)];
  const child = start(
    node,
    [...options, program.main, "--root", root, "serve", ...address, ...flags],
    descriptor,
  );
  closeSync(descriptor);
  await untilListening(child, port).catch((error: Error) => {
    throw new Error(`${error.message}\n${logTail(log)}`);
  });
  const pid = child.pid ?? 0;
  const family = () => [pid, ...descendants(pid)];
  const addresses = loopbackAddresses();
  const peer: Peer = {
    name: "moorage",
    user: "bench",
    port,
    from: addresses(),
    home: join(root, "homes/bench"),
    async cpu() {
      await sleep(SETTLE_MS);
      return cpuOfAll(family());
    },
    memory: () => memoryOfAll(family()),
    another(user) {
      addUser(user);
      return { ...peer, user, from: addresses(), home: join(root, "homes", user) };
    },
    stop: () => stop(child),
  };
  return peer;
}

function sshdConfig(workspace: Workspace, port: number, home: string, hostKey: string): string {
  return `${[
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${workspace.key}.pub`,
    "PidFile none",
    "UsePAM no",
    "UseDNS no",
    "MaxStartups 100",
    "StrictModes no",
    "PermitRootLogin prohibit-password",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "LogLevel ERROR",
    `Subsystem sftp internal-sftp -d ${home}`,
  ].join("\n")}\n`;
}

/** OpenSSH's own server with internal-sftp, run as the current user on a configuration of its own. */
export async function startOpenSsh(workspace: Workspace, name = "sshd"): Promise<Peer> {
  const program = sshdProgram();
  const home = join(workspace.root, `${name}-home`);
  const hostKey = join(workspace.root, `${name}_host_key`);
  const config = join(workspace.root, `${name}_config`);
  const log = join(workspace.root, `${name}.log`);
  mkdirSync(home);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", hostKey]);
  const port = await freePort();
  writeFileSync(config, sshdConfig(workspace, port, home, hostKey));
  makePrivsepDirectory();
  const descriptor = openSync(log, "w");
  const child = start(program, ["-D", "-e", "-f", config], descriptor);
  closeSync(descriptor);
  await untilListening(child, port).catch((error: Error) => {
    throw new Error(`${error.message}\n${logTail(log)}`);
  });
  const pid = child.pid ?? 0;
  const addresses = loopbackAddresses();
  const peer: Peer = {
    name: "openssh",
    user: userInfo().username,
    port,
    from: addresses(),
    home,
    async cpu() {
      // The work is done by children; their times count once the listener has waited for them.
      for (let tries = 0; hasChildren(pid) && tries < 250; tries += 1) await sleep(20);
      const { own, children } = cpuTimes(pid);
      return own + children;
    },
    memory: () => memoryOfAll([pid, ...descendants(pid)]),
    another: () => ({ ...peer, from: addresses() }),
    stop: () => stop(child),
  };
  return peer;
}

/** Times that a server is asked whether it rests, which takes SETTLE_MS each time: 30 s. */
const REST_TRIES = 150;

/**
 * The same server, whose `cpu` waits until the server rests: this one computes checksums of what was
 * uploaded faster than it hashes after the client has ended, for as long as the upload took.
 */
export function atRest(peer: Peer): Peer {
  return {
    ...peer,
    async cpu() {
      let used = await peer.cpu();
      for (let tries = 0; tries < REST_TRIES; tries += 1) {
        const before = used;
        used = await peer.cpu();
        if (used === before) break;
      }
      return used;
    },
  };
}
