import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Finished {
  readonly code: number | null;
  /** standard output and standard error, as they came */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** after which it is killed */
  readonly seconds?: number;
  /** whether its output is shown as it comes */
  readonly show?: boolean;
  /** the exit code that is right */
  readonly code?: number;
}

const KEPT = 20_000;
const running = new Set<ChildProcess>();

/** A program in a group of its own, so that what it starts ends with it. */
export function begin(program: string, args: readonly string[], options: RunOptions): ChildProcess {
  const { cwd, env } = options;
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  child.once("close", () => running.delete(child));
  child.once("error", () => running.delete(child));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  return child;
}

/** Ends it and all that it started, at once. */
export function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}

export function killAll(): void {
  for (const child of running) kill(child);
}

export function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (more: string) => {
      text = (text + more).slice(-KEPT);
    });
  }
  return () => text;
}

/** @throws Error with the output when the exit code is another one than wanted */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const child = begin(program, args, options);
  const output = collect(child);
  if (options.show) for (const stream of [child.stdout, child.stderr]) stream?.pipe(process.stdout);
  const timer = setTimeout(() => kill(child), (options.seconds ?? 120) * 1_000);
  try {
    const [code] = (await once(child, "close")) as [number | null];
    if (code === (options.code ?? 0)) return { code, output: output() };
    const line = [program, ...args].join(" ");
    throw new Error(`${line}\nended with ${code ?? "a signal"}:\n${output().trim()}`);
  } finally {
    clearTimeout(timer);
  }
}
