import { type ChildProcess, execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../bench/processes.ts";
import { begin, collect, type Finished, run } from "./commands.ts";
import type { NodeProgram } from "./node.ts";

const START_SECONDS = 60;

/** What a Node.js prints of itself: a deprecation, an experiment. */
const COMPLAINT = /\(node:\d+\).*Warning|Assertion failed|Native stack trace/;

export interface Sizes {
  /** bytes of the large file */
  readonly large: number;
  /** number of small files */
  readonly small: number;
}

/** An instance with its server on one Node.js, and the stock clients that use it. */
export class Place {
  readonly node: NodeProgram;
  /** where the program is installed */
  readonly program: string;
  readonly root: string;
  readonly files: string;
  readonly key: string;
  readonly #env: NodeJS.ProcessEnv;
  #port = 0;
  #server: ChildProcess | undefined;
  #output: () => string = () => "";

  /** @param directory an empty one */
  constructor(node: NodeProgram, program: string, directory: string, path?: string) {
    this.node = node;
    this.program = program;
    this.root = join(directory, "instance");
    this.files = join(directory, "files");
    this.key = join(directory, "key");
    this.#env = node.env(path);
    mkdirSync(this.root, { mode: 0o700 });
    mkdirSync(this.files);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", this.key]);
  }

  file(name: string): string {
    return join(this.files, name);
  }

  /** where the server keeps what ann calls `name` */
  stored(name: string): string {
    return join(this.root, "homes/ann", name);
  }

  make({ large, small }: Sizes): void {
    writeFileSync(this.file("large"), randomFillSync(Buffer.allocUnsafe(large)));
    mkdirSync(this.file("small"));
    for (let i = 0; i < small; i += 1) {
      const bytes = randomFillSync(Buffer.allocUnsafe(i % 5_000));
      writeFileSync(this.file(`small/file-${i}`), bytes);
    }
  }

  /** The server by README's command, on this instance. Resolves to what it printed. */
  start(command: readonly string[] = ["npm", "start"]): Promise<string> {
    return this.#start(command);
  }

  /** The server as its own process, so that a signal meets it and nothing else. */
  startBare(): Promise<string> {
    return this.#start([this.node.executable, this.#main, "serve", "--server-workers", "1"]);
  }

  /** Waits for the server's end, however it was asked to. */
  async ended(code: number | null): Promise<void> {
    const server = this.#server;
    if (server === undefined) throw new Error("no server runs");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    this.#server = undefined;
    const output = this.#output();
    if (server.exitCode !== code) {
      throw new Error(`the server ended with ${server.exitCode ?? server.signalCode}:\n${output}`);
    }
    if (COMPLAINT.test(output)) throw new Error(`Node.js complains:\n${output}`);
  }

  signal(name: NodeJS.Signals): void {
    this.#server?.kill(name);
  }

  moorage(args: readonly string[], input = ""): Promise<Finished> {
    const all = [this.#main, "--root", this.root, ...args];
    return run(this.node.executable, all, { env: this.#env, input });
  }

  /** The line for a shell that runs `moorage` with these arguments. */
  commandLine(args: string): string {
    return `${this.node.executable} ${this.#main} --root ${this.root} ${args}`;
  }

  /** Our own client, which has wide packets. */
  client(args: readonly string[]): Promise<Finished> {
    const config = this.file("config");
    const known = this.file("known");
    // The port is another one after each start, and known_hosts keeps them apart.
    writeFileSync(config, `IdentityFile ${this.key}\nUserKnownHostsFile ${known}\n`);
    const [command = "", ...rest] = args;
    const options = ["-F", config, "-P", String(this.#port), "--accept-new"];
    return run(this.node.executable, [this.#main, command, ...options, ...rest], {
      env: this.#env,
      seconds: 600,
    });
  }

  sftp(commands: readonly string[], cipher = "aes128-gcm@openssh.com"): Promise<Finished> {
    const args = [...this.#options("-P", [`Ciphers=${cipher}`]), "-b", "-", "ann@127.0.0.1"];
    return run("sftp", args, { input: `${commands.join("\n")}\n`, seconds: 600 });
  }

  /** An upload that goes on while something else happens. */
  upload(from: string, to: string): ChildProcess {
    const args = [...this.#options("-P", []), "-l", "80000", "-b", "-", "ann@127.0.0.1"];
    return begin("sftp", args, { input: `put ${from} ${to}\n` });
  }

  sftpByPassword(user: string, password: string, command: string): Promise<Finished> {
    const pairs = ["PreferredAuthentications=password", "PubkeyAuthentication=no", "BatchMode=no"];
    const args = ["-d", "9", "sftp", ...this.#options("-P", pairs), "-b", "-", `${user}@127.0.0.1`];
    const line = `sshpass ${args.map((arg) => `'${arg}'`).join(" ")} 9<<'END'\n${password}\nEND`;
    return run("sh", ["-c", `printf '%s\\n' '${command}' | ${line}`]);
  }

  scp(args: readonly string[]): Promise<Finished> {
    return run("scp", [...this.#options("-P", []), ...args], { seconds: 600 });
  }

  ssh(command: string): Promise<Finished> {
    return run("ssh", [...this.#options("-p", []), "-T", "ann@127.0.0.1", command]);
  }

  get #main(): string {
    return join(this.program, "dist/src/moorage.cjs");
  }

  #options(port: "-p" | "-P", first: readonly string[]): string[] {
    const pairs = [
      ...first,
      "BatchMode=yes",
      "IdentitiesOnly=yes",
      "IdentityAgent=none",
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
    ];
    const all = pairs.flatMap((pair) => ["-o", pair]);
    return ["-q", "-F", "/dev/null", "-i", this.key, port, String(this.#port), ...all];
  }

  async #start([program = "", ...args]: readonly string[]): Promise<string> {
    this.#port = await freePort();
    const env = {
      ...this.#env,
      MOORAGE_ROOT: this.root,
      MOORAGE_SERVER_HOST: "127.0.0.1",
      MOORAGE_SERVER_PORT: String(this.#port),
    };
    const server = begin(program, args, { cwd: this.program, env });
    this.#server = server;
    this.#output = collect(server);
    const end = performance.now() + START_SECONDS * 1_000;
    while (!/^Users: /m.test(this.#output())) {
      if (server.exitCode !== null || performance.now() > end) {
        throw new Error(`the server does not start:\n${this.#output()}`);
      }
      await sleep(50);
    }
    return this.#output();
  }
}
