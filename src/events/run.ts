import { type ChildProcess, spawn } from "node:child_process";
import { visible } from "../text/safe.ts";
import { failed, type Outcome, type Receiver } from "./types.ts";

/** What is kept of a command's output for the log, in bytes. The rest is read and thrown away. */
const MAX_OUTPUT = 2_048;
/** How long the end of its output is waited for, in milliseconds. */
const LAST_WORDS_MS = 200;
const ENVIRONMENT = { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" };

/**
 * Runs a receiver's command with an event on its standard input. Nothing of an event is an argument, a
 * variable or a name of a file. Never rejects.
 * @param said gets what it printed, for the log
 */
export function runCommand(
  { command, timeout }: Pick<Receiver, "command" | "timeout">,
  body: string,
  signal: AbortSignal,
  said: (text: string) => void,
): Promise<Outcome> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    let child: ChildProcess;
    try {
      // A group of its own, which ends as one.
      child = spawn(program, args, { detached: true, cwd: "/", env: ENVIRONMENT });
    } catch (thrown) {
      resolve(failed(cantStart(thrown)));
      return;
    }
    let outcome: Outcome | undefined;
    const output = new Output(child);
    const end = (how: Outcome): void => {
      outcome ??= how;
      killGroup(child.pid);
    };
    const stop = (): void => end(failed("ended with the server"));
    const timer = setTimeout(() => end(failed("did not end in time, and was killed")), timeout);
    signal.addEventListener("abort", stop);
    const over = (how: Outcome): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      output.close();
      if (output.text !== "") said(output.text);
      resolve(outcome ?? how);
    };
    child.on("error", (error) => over(failed(cantStart(error))));
    child.on("exit", (code, killedBy) => {
      // What it has left running, too: otherwise more and more of them would be.
      killGroup(child.pid);
      const ended = (): void => over(judge(code, killedBy));
      // What it has printed may still be on its way; who left the group may hold it open for long.
      const patience = setTimeout(ended, LAST_WORDS_MS);
      child.on("close", () => {
        clearTimeout(patience);
        ended();
      });
    });
    // It may end without reading.
    child.stdin?.on("error", () => {});
    child.stdin?.end(`${body}\n`);
    if (signal.aborted) stop();
  });
}

/** The beginning of what a command prints. */
class Output {
  readonly #child: ChildProcess;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => this.#add(chunk)).on("error", () => {});
    }
  }

  #add(chunk: Buffer): void {
    const kept = chunk.subarray(0, MAX_OUTPUT - this.#bytes);
    this.#bytes += kept.length;
    if (kept.length > 0) this.#chunks.push(Buffer.from(kept));
  }

  get text(): string {
    return visible(Buffer.concat(this.#chunks).toString("utf8").trim());
  }

  /** What has been inherited may stay open for long. */
  close(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#child.stdin?.destroy();
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody of it is left.
  }
}

function judge(code: number | null, killedBy: NodeJS.Signals | null): Outcome {
  if (code === 0) return { ok: true, text: "ended with 0" };
  if (code === null) return failed(`was ended by ${killedBy}`, true);
  return failed(`ended with ${code}`, true);
}

function cantStart(thrown: unknown): string {
  return `can't be started (${(thrown as { code?: string }).code ?? "unknown error"})`;
}
