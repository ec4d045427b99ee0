import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { OPENSSH_OPTIONS, type Target } from "./ssh-client.ts";

/** The Debian package of a program that these tests run. */
const PACKAGES: Readonly<Record<string, string>> = {
  fio: "fio",
  fusermount3: "fuse3",
  git: "git",
  python3: "python3",
  sshfs: "sshfs",
  tar: "tar",
};

/** For a busy machine, in milliseconds. */
const PATIENCE = 60_000;

export interface Ran {
  /** null: ended by a signal */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** Runs a program to its end. What touches a mount has to be a process of its own. */
export async function run(
  program: string,
  args: readonly string[],
  { cwd, env, input = "" }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const failed = once(child, "error").then(([error]) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw error;
    throw new Error(
      `${program} is missing: install the package ${PACKAGES[basename(program)] ?? program}`,
    );
  });
  const closed = once(child, "close").then(([code]) => ({ code, stdout, stderr }) as Ran);
  return Promise.race([closed, failed]);
}

/** Like {@link run}. Throws with all the program said when its exit code isn't 0. */
export async function runOk(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, options);
  if (code === 0) return stdout;
  throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${stdout}\n${stderr}`);
}

export interface MountOptions {
  readonly user?: string;
  /** file of a private key */
  readonly key?: string;
  readonly password?: string;
  /** as they follow -o */
  readonly options?: readonly string[];
  /** what is mounted; default: the whole home */
  readonly directory?: string;
}

/**
 * A home as a directory. The server may be in this process, which therefore must not touch the
 * mount itself: a call that waits for the server would keep the server from answering.
 */
export class Mount {
  readonly path: string;
  readonly #sshfs: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = "";

  private constructor(path: string, sshfs: ChildProcess) {
    this.path = path;
    this.#sshfs = sshfs;
    this.#ended = once(sshfs, "exit");
    const listen = (chunk: Buffer): void => {
      this.#said += chunk.toString();
    };
    sshfs.stdout?.on("data", listen);
    sshfs.stderr?.on("data", listen);
  }

  /** Mounts at `path`, which is made. */
  static async open({ port }: Target, path: string, options: MountOptions = {}): Promise<Mount> {
    await runOk("fusermount3", ["-V"]);
    mkdirSync(path, { recursive: true });
    const { user = "ann", key, password, directory = "" } = options;
    const secret = key === undefined ? ["password_stdin"] : [];
    const identity = key === undefined ? [] : ["-i", key, "-o", "IdentitiesOnly=yes"];
    const ssh = ["ssh", "-F", "/dev/null", ...OPENSSH_OPTIONS, ...identity].join(" ");
    const all = [`ssh_command=${ssh}`, "auto_unmount", ...secret, ...(options.options ?? [])];
    const args = ["-f", "-p", String(port), ...all.flatMap((option) => ["-o", option])];
    const child = spawn("sshfs", [...args, `${user}@127.0.0.1:${directory}`, path], {
      stdio: "pipe",
    });
    child.stdin.on("error", () => {});
    child.stdin.end(password === undefined ? "" : `${password}\n`);
    const mount = new Mount(path, child);
    await mount.#mounted(child);
    return mount;
  }

  /** A path in it. */
  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** Unmounts, whatever happened, and waits for sshfs to end. */
  async close(): Promise<void> {
    for (const flags of [["-u"], ["-u", "-z"]]) {
      if (isMounted(this.path)) await run("fusermount3", [...flags, this.path]);
    }
    if (!this.#isRunning()) return;
    const inTime = delay(PATIENCE, "late", { ref: false });
    if ((await Promise.race([this.#ended, inTime])) !== "late") return;
    this.#sshfs.kill("SIGKILL");
    await this.#ended;
    throw new Error(`sshfs did not end after it was unmounted: ${this.#said}`);
  }

  #isRunning(): boolean {
    return this.#sshfs.exitCode === null && this.#sshfs.signalCode === null;
  }

  /** It is mounted before sshfs has logged in; what asks it for something waits for that. */
  async #serves(): Promise<boolean> {
    if (!isMounted(this.path)) return false;
    const { code } = await run("timeout", ["-s", "KILL", "60", "stat", this.path]);
    return code === 0 && isMounted(this.path) && this.#isRunning();
  }

  async #mounted(child: ChildProcess): Promise<void> {
    let failure: Error | undefined;
    child.once("error", (error) => {
      failure = error;
    });
    for (const start = Date.now(); !(await this.#serves()); await delay(10)) {
      if (failure !== undefined) {
        throw new Error("sshfs is missing: install the package sshfs", { cause: failure });
      }
      if (!this.#isRunning()) throw new Error(`sshfs ended: ${this.#said}`);
      if (Date.now() - start < PATIENCE) continue;
      await this.close();
      throw new Error(`sshfs did not mount: ${this.#said}`);
    }
  }
}

/** Read from the kernel's list, which does not touch the mount. */
export function isMounted(path: string): boolean {
  const list = readFileSync("/proc/self/mountinfo", "utf8");
  return list.split("\n").some((line) => line.split(" ")[4] === path);
}
