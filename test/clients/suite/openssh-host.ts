import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { expect } from "vitest";
import { freePort, untilListening } from "../../bench/processes.ts";
import { makeInstance } from "../../support/server.ts";
import { descendants, makePrivsepDirectory, sshdProgram } from "../../support/sshd.ts";
import type { Desk } from "./bench.ts";
import type { HostOptions, RestartableHost, Venue } from "./host.ts";

/** In the order in which {@link Host.fingerprints} names them. */
const HOST_KEYS = ["ssh_host_ed25519_key", "ssh_host_ecdsa_key", "ssh_host_rsa_key"];

/** TEST_PASSWORD as crypt(5) keeps it. */
const HASH =
  "$6$moorage$sdr7s.zNYcO8AJg8icZEnSFsenRrK3WuxXuFmdJ3t5Vfmq0IXmml3HpiMymgU/Tp.AP4MCpnfhsLu/TFz8u1F.";

/** Any but root's: what it is in the server's namespace is the tests' own user outside of it. */
const ID = 1000;

/** The kernel lets users have namespaces: the server has its own user file, and no special rights. */
const OWN_USERS = [
  ...["unshare", "--user", "--map-root-user", "--mount", "--"],
  ...["sh", "-c", 'mount --bind "$0" /etc/passwd && exec "$@"'],
];
const NO_RIGHTS = ["unshare", "--user", `--map-user=${ID}`, `--map-group=${ID}`, "--"];

/** Why the server can have no users of its own on this machine; undefined: it can. */
export function noOwnUsers(): string | undefined {
  const [program = "", ...args] = [...OWN_USERS, "/etc/passwd", ...NO_RIGHTS, "true"];
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** What a server calls itself to its clients, such as "OpenSSH_9.2p1 Debian-2+deb12u10". */
export async function identOf(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [first] = (await once(socket, "data")) as [Buffer];
    return /^SSH-2\.0-(.*?)\r?\n/.exec(first.toString("latin1"))?.[1] ?? "a server without a name";
  } finally {
    socket.destroy();
  }
}

/**
 * OpenSSH's sshd with its internal-sftp, on a free loopback port, on files of its own. Its users are
 * the tests' alone, in a user namespace. Where the kernel allows none, the one user is who runs the
 * tests: by key only, and root is refused nothing.
 */
class OpenSshHost implements RestartableHost {
  readonly fingerprints: readonly string[];
  readonly #root: string;
  readonly #ownUsers: boolean;
  #server: ChildProcess | undefined;
  #port = 0;
  #log = "";

  static async open(desk: Desk, options: HostOptions = {}): Promise<OpenSshHost> {
    const host = new OpenSshHost(await makeInstance(), desk, options);
    try {
      await host.#start();
    } catch (thrown) {
      await host.close();
      throw thrown;
    }
    return host;
  }

  private constructor(root: string, desk: Desk, { rekeyBytes }: HostOptions) {
    this.#root = root;
    this.#ownUsers = noOwnUsers() === undefined;
    const keys = HOST_KEYS.map((name) => join(root, "keys", name));
    this.fingerprints = keys.map(fingerprint);
    writeFileSync(this.#passwd, "");
    const lines = [
      "ListenAddress 127.0.0.1",
      ...keys.map((key) => `HostKey ${key}`),
      `AuthorizedKeysFile ${join(desk.directory, "id.pub")}`,
      "PidFile none",
      "UsePAM no",
      "UseDNS no",
      "StrictModes no",
      "PermitRootLogin yes",
      "LogLevel VERBOSE",
      "Subsystem sftp internal-sftp",
      ...(rekeyBytes === undefined ? [] : [`RekeyLimit ${rekeyBytes}`]),
    ];
    writeFileSync(this.#config, `${lines.join("\n")}\n`);
  }

  get #passwd(): string {
    return join(this.#root, "passwd");
  }

  get #config(): string {
    return join(this.#root, "sshd_config");
  }

  get port(): number {
    return this.#port;
  }

  async addUser(name: string): Promise<void> {
    mkdirSync(this.home(name));
    appendFileSync(this.#passwd, `${name}:${HASH}:${ID}:${ID}::${this.home(name)}:/bin/sh\n`);
  }

  loginName(user: string): string {
    return this.#ownUsers ? user : userInfo().username;
  }

  home(user: string): string {
    return join(this.#root, "homes", user);
  }

  prefix(user: string): string {
    return this.home(user);
  }

  async noticed(): Promise<void> {}

  async setQuota(): Promise<void> {
    throw new Error("OpenSSH's server has no quota");
  }

  async logins(user: string): Promise<string[]> {
    return this.#logged("Accepted", user);
  }

  async failedLogins(user: string): Promise<number> {
    return this.#logged("Failed", user).length;
  }

  async settled(): Promise<void> {
    expect(this.#workers()).toEqual([]);
  }

  async restart(): Promise<number> {
    await this.#kill();
    await this.#start();
    return this.#port;
  }

  async close(): Promise<void> {
    await this.#kill();
    rmSync(this.#root, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    if (!this.#ownUsers) makePrivsepDirectory();
    this.#port = await freePort();
    const sshd = [sshdProgram(), "-D", "-e", "-f", this.#config, "-p", String(this.#port)];
    const apart = this.#ownUsers ? [...OWN_USERS, this.#passwd, ...NO_RIGHTS] : [];
    const [program = "", ...args] = [...apart, ...sshd];
    const server = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#server = server;
    server.stderr.on("data", (chunk: Buffer) => {
      this.#log += chunk.toString();
    });
    await untilListening(server, this.#port).catch((error: Error) => {
      throw new Error(`${error.message}: ${this.#log.trim()}`);
    });
  }

  #workers(): number[] {
    return this.#server?.pid === undefined ? [] : descendants(this.#server.pid);
  }

  async #kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server?.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, "exit");
    const workers = descendants(server.pid);
    server.kill("SIGKILL");
    await gone;
    for (const pid of workers) endOf(pid);
  }

  /** What the server logged about a user's logins, the last first: how each was tried. */
  #logged(how: "Accepted" | "Failed", user: string): string[] {
    const line = new RegExp(`^${how} (\\S+) for ${this.loginName(user)} `, "gm");
    return [...this.#log.matchAll(line)].map(([, method = ""]) => method).reverse();
  }
}

function endOf(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

function fingerprint(file: string): string {
  const key = ssh2.utils.parseKey(readFileSync(file));
  if (key instanceof Error) throw key;
  const [one] = [key].flat();
  const hash = createHash("sha256").update((one as ssh2.ParsedKey).getPublicSSH());
  return `SHA256:${hash.digest("base64").replace(/=+$/, "")}`;
}

/** What is asked about steps that fail with ours. */
export const openssh: Venue = {
  open: (desk, options) => OpenSshHost.open(desk, options),
  openRestartable: (desk) => OpenSshHost.open(desk),
};
