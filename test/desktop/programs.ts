import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { userInfo } from "node:os";

/** What a program said until it ended. */
export interface Ended {
  /** null: a signal ended it */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** everything it wrote so far */
  output(): string;
}

export type Environment = Readonly<Record<string, string>>;

const RUN_MS = 60_000;
const STOP_MS = 5_000;

/** A place for a program's own settings, mounted over the home that the machine knows. */
export function within(home: string, command: readonly string[]): string[] {
  const mount = 'mount --bind "$0" "$1" && shift && exec "$@"';
  return ["unshare", "--mount", "sh", "-c", mount, home, userInfo().homedir, ...command];
}

/** The programs that were started here, each in a process group of its own. */
export class Programs {
  readonly #open = new Set<Program>();

  start(command: readonly string[], env: Environment, input?: string): Program {
    const [file = "", ...args] = command;
    const child = spawn(file, args, {
      env: { ...process.env, ...env },
      detached: true,
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    child.stdin?.end(input);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk;
    });
    const ended = new Promise<Ended>((resolve) => {
      const end = (code: number | null): void => resolve({ code, stdout, stderr });
      child.once("error", (error) => {
        stderr += error.message;
        end(127);
      });
      child.once("exit", (code) => {
        // What it left in the background holds its pipes open.
        signal({ child }, "SIGKILL");
        child.once("close", () => end(code));
        setTimeout(end, STOP_MS, code).unref();
      });
    });
    const program = { child, ended, output: () => stdout + stderr };
    this.#open.add(program);
    return program;
  }

  /** Runs one to its end, for a minute at most. */
  async run(command: readonly string[], env: Environment, input?: string): Promise<Ended> {
    const program = this.start(command, env, input);
    const timer = setTimeout(() => signal(program, "SIGKILL"), RUN_MS);
    const ended = await program.ended;
    clearTimeout(timer);
    await this.stop(program);
    return ended;
  }

  /** Ends the program and what it started. */
  async stop(program: Program): Promise<void> {
    signal(program, "SIGTERM");
    const timer = setTimeout(() => signal(program, "SIGKILL"), STOP_MS);
    await program.ended;
    clearTimeout(timer);
    signal(program, "SIGKILL");
    this.#open.delete(program);
  }

  async stopAll(): Promise<void> {
    // The last first: what draws goes before its display does.
    for (const program of [...this.#open].reverse()) await this.stop(program);
  }
}

function signal({ child }: Pick<Program, "child">, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // It and its group are gone.
  }
}

/** Whether the machine has the program. */
export function has(program: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$0"', program]).status === 0;
}

/** What a command prints, or nothing. */
export function firstLine(command: readonly string[]): string {
  const [file = "", ...args] = command;
  const { stdout } = spawnSync(file, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  return (stdout ?? "").split("\n")[0] ?? "";
}

/** A Debian package's version, or nothing. */
export function packageVersion(name: string): string {
  return firstLine(["dpkg-query", "--show", name]).split("\t")[1] ?? "";
}
