import { readdirSync, readFileSync } from "node:fs";
import type { Client, SFTPWrapper } from "ssh2";
import { PROGRAM, type SpawnedServer, spawnServer, TEST_PASSWORD } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";
import { Relay } from "./relay.ts";

const OWN_USERS = process.getuid?.() === 0 ? [] : ["--user"];

/** Processes that see nobody outside in /proc, under a host name of their own, and die with the first. */
function asMachine(name: string): string[] {
  const own = OWN_USERS.flatMap((flag) => [flag, "--map-root-user"]);
  const apart = ["--pid", "--uts", "--fork", "--mount-proc", "--kill-child=SIGKILL"];
  return ["unshare", ...own, ...apart, "sh", "-c", 'hostname "$0" && exec "$@"', name];
}

export interface MachineOptions {
  readonly name: string;
  readonly root: string;
  /** the database's port, and its name */
  readonly port: number;
  readonly database: string;
  /** as in the settings */
  readonly lease: string;
  /** flags of serve */
  readonly settings?: readonly string[];
}

/** A server of an instance that others serve as well, as if on a machine of its own. */
export class Machine {
  readonly relay: Relay;
  readonly #server: SpawnedServer;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(relay: Relay, server: SpawnedServer, env: Readonly<Record<string, string>>) {
    this.relay = relay;
    this.#server = server;
    this.#env = env;
  }

  static async start({ name, root, port, database, lease, settings = [] }: MachineOptions) {
    const relay = await Relay.open(port);
    const url = `postgres://moorage@127.0.0.1:${relay.port}/${database}`;
    const env = { MOORAGE_STORE_URL: url, MOORAGE_STORE_LEASE: lease };
    const server = await spawnServer(root, settings, { within: asMachine(name), env });
    return new Machine(relay, server, env);
  }

  get port(): number {
    return this.#server.port;
  }

  get output(): string {
    return this.#server.output();
  }

  /** A command in front of another one, which then has the same settings. */
  get configured(): string[] {
    return ["env", ...Object.entries(this.#env).map(([name, value]) => `${name}=${value}`)];
  }

  /** The same, and it runs here. */
  get within(): string[] {
    const own = OWN_USERS.flatMap((flag) => [flag, "--preserve-credentials"]);
    const place = ["--target", `${this.pids[0]}`, "--pid", "--uts", "--mount", ...own];
    return [...this.configured, "nsenter", ...place, "--"];
  }

  /** Supervisor and workers. */
  get pids(): number[] {
    const children = new Map<number, number[]>();
    for (const name of readdirSync("/proc")) {
      const pid = Number(name);
      if (Number.isInteger(pid))
        children.set(parentOf(pid), [...(children.get(parentOf(pid)) ?? []), pid]);
    }
    const below = (pid: number): number[] =>
      (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
    return below(this.#server.child.pid ?? -1).filter(isServer);
  }

  get worker(): number {
    return this.pids.find((pid) => commandLine(pid).includes("--worker")) ?? -1;
  }

  /** All processes stand still, in the middle of what they do. */
  pause(): void {
    for (const pid of this.pids) process.kill(pid, "SIGSTOP");
  }

  resume(): void {
    for (const pid of this.pids) process.kill(pid, "SIGCONT");
  }

  /** At once, all of it. */
  async die(): Promise<void> {
    await this.#server.kill();
  }

  async close(): Promise<void> {
    this.resume();
    await this.die();
    await this.relay.close();
  }

  login(username = "ann"): Promise<Client> {
    return login({ port: this.port }, { username, password: TEST_PASSWORD });
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`);
}

function isServer(pid: number): boolean {
  return commandLine(pid).includes(PROGRAM) || commandLine(pid).includes("moorage.cjs");
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** An SFTP session, by promises. */
export class Files {
  readonly client: Client;
  readonly #sftp: SFTPWrapper;
  /** resolves when the connection is over */
  readonly ended: Promise<void>;

  private constructor(client: Client, sftp: SFTPWrapper) {
    this.client = client;
    this.#sftp = sftp;
    this.ended = new Promise((resolve) => client.once("close", () => resolve()));
    client.on("error", () => {});
  }

  static async of(client: Client): Promise<Files> {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.sftp((error, found) => (error === undefined ? resolve(found) : reject(error)));
    });
    return new Files(client, sftp);
  }

  open(path: string, flags: "r" | "w" | "r+" = "w"): Promise<Buffer> {
    return this.#call((done) => this.#sftp.open(path, flags, done));
  }

  write(handle: Buffer, data: Buffer, at: number): Promise<void> {
    return this.#call((done) => this.#sftp.write(handle, data, 0, data.length, at, done));
  }

  closeHandle(handle: Buffer): Promise<void> {
    return this.#call((done) => this.#sftp.close(handle, done));
  }

  mkdir(path: string): Promise<void> {
    return this.#call((done) => this.#sftp.mkdir(path, done));
  }

  async put(path: string, data: Buffer): Promise<void> {
    const handle = await this.open(path);
    await this.write(handle, data, 0);
    await this.closeHandle(handle);
  }

  end(): void {
    this.client.end();
  }

  /** Rejects when the connection ends before the answer. */
  #call<T>(ask: (done: (error: Error | null | undefined, result: T) => void) => void): Promise<T> {
    const gone = this.ended.then(() => Promise.reject(new Error("the connection is over")));
    const answer = new Promise<T>((resolve, reject) => {
      ask((error, result) => (error ? reject(error) : resolve(result)));
    });
    return Promise.race([answer, gone]);
  }
}
