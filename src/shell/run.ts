import { FsError } from "../errors.ts";
import { type ByteString, display, fromText, toBuffer } from "../vfs/path.ts";
import { Call, type Command } from "./call.ts";
import { helpText } from "./commands/help.ts";
import { COMMANDS } from "./commands/table.ts";
import type { Shell } from "./context.ts";
import {
  CommandError,
  Interrupted,
  interruption,
  reason,
  ShellSyntaxError,
  UsageError,
} from "./errors.ts";
import { expandWords } from "./expand.ts";
import { Input, Queue, type ShellIo, type Sink, unlessAborted } from "./io.ts";
import type { Word, WordPart } from "./lexer.ts";
import { HelpRequest } from "./options.ts";
import { parse, plainText, type Step } from "./parser.ts";

const NOT_FOUND = 127;
const NOT_RUN = 126;
const SYNTAX = 2;

/**
 * Runs one command line and resolves to the exit code of its last command: 2 for a line that is not
 * understood (nothing of it was run then), 126 for one that there was no place for, 127 for an unknown command, 130 and the like when the
 * signal aborted. Rejects only for errors in the program itself.
 */
export async function runCommandLine(
  line: ByteString,
  io: ShellIo,
  shell: Shell,
  signal: AbortSignal,
): Promise<number> {
  let leave: (() => void) | undefined;
  try {
    // Lines and commands that wait for nothing would never let others have their turn.
    await shell.context.turn.pass();
    const steps = parse(line);
    leave = await shell.context.enter?.(signal);
    for (const step of steps) {
      if (shell.leaving) break;
      await shell.context.turn.pass();
      if (step.connector === "&&" && shell.status !== 0) continue;
      if (step.connector === "||" && shell.status === 0) continue;
      shell.status = await runStep(step, io, shell, signal);
    }
  } catch (thrown) {
    shell.status = await failed(thrown, io, signal);
  } finally {
    leave?.();
  }
  return shell.status;
}

/** What happened outside of a command. */
async function failed(thrown: unknown, io: ShellIo, signal: AbortSignal): Promise<number> {
  if (thrown instanceof Interrupted) return thrown.status;
  const wrong = thrown instanceof ShellSyntaxError;
  if (!wrong && !(thrown instanceof FsError)) throw thrown;
  const message = wrong ? `syntax error: ${thrown.message}` : `shell: ${reason(thrown)}`;
  try {
    await unlessAborted(signal, io.stderr.write(text(`${message}\n`)));
  } catch {
    // Nobody reads it any more.
  }
  return wrong ? SYNTAX : NOT_RUN;
}

function text(value: string): Buffer {
  return toBuffer(fromText(value));
}

async function runStep(
  step: Step,
  io: ShellIo,
  shell: Shell,
  signal: AbortSignal,
): Promise<number> {
  if (signal.aborted) throw interruption(signal);
  const [source, target] = step.pipeline as readonly [readonly Word[], (readonly Word[])?];
  if (target === undefined) return runCommand(source, io, shell, signal, io.terminal !== undefined);
  const pipe = new Pipe(signal);
  const sending = runCommand(source, { ...io, stdout: pipe }, shell, pipe.signal, false);
  const sent = sending.finally(() => pipe.end());
  const receiving = runCommand(target, { ...io, stdin: new Input(pipe) }, shell, signal, true);
  const received = receiving.finally(() => pipe.close());
  const [first, result] = await Promise.allSettled([sent, received]);
  if (result.status === "rejected") throw result.reason;
  if (first.status === "rejected" && !(first.reason instanceof Interrupted)) throw first.reason;
  if (signal.aborted) throw interruption(signal);
  return result.value;
}

/** What a writer may be ahead of its reader, in bytes. */
const PIPE_BYTES = 256 * 1024;

/** Leads one command's output into the next one's input. */
class Pipe extends Queue implements Sink {
  readonly #reader = new AbortController();
  readonly signal: AbortSignal;
  #waiting = 0;
  #room: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    super((length) => this.#taken(length));
    this.signal = AbortSignal.any([signal, this.#reader.signal]);
  }

  async write(data: Buffer): Promise<void> {
    this.push(data);
    this.#waiting += data.length;
    while (this.#waiting > PIPE_BYTES) {
      const room = new Promise<void>((resolve) => {
        this.#room = resolve;
      });
      await unlessAborted(this.signal, room);
    }
  }

  /** The reader is gone: the writer ends as by SIGPIPE. */
  close(): void {
    this.#reader.abort(new Interrupted(141));
  }

  #taken(length: number): void {
    this.#waiting -= length;
    this.#room?.();
  }
}

/** @param shown whether the output goes to the terminal, if there is one */
async function runCommand(
  words: readonly Word[],
  io: ShellIo,
  shell: Shell,
  signal: AbortSignal,
  shown: boolean,
): Promise<number> {
  const call = (name: string, args: readonly ByteString[]): Call =>
    new Call({
      name,
      args,
      shell,
      stdin: io.stdin,
      stdout: io.stdout,
      stderr: io.stderr,
      terminal: shown ? io.terminal : undefined,
      signal,
    });
  const early = call("shell", []);
  const help = words.length === 2 && isHelpRequest(words[1]);
  let args: ByteString[];
  try {
    args = await expandWords(help ? words.slice(0, 1) : words, shell, () => early.step());
  } catch (thrown) {
    return report(early, undefined, thrown);
  }
  const [name, ...rest] = args;
  if (name === undefined) return 0;
  const command = COMMANDS.get(name);
  const running = call(display(name), rest);
  if (command === undefined) return notFound(running);
  return help ? printHelp(running, command) : runToEnd(running, command);
}

/** "--help", or "/?" without quotes, which is no pattern then. */
function isHelpRequest(word: Word | undefined): boolean {
  const text = plainText(word);
  return text === "--help" || (text === "/?" && word?.length === 1 && !isQuoted(word[0]));
}

function isQuoted(part: WordPart | undefined): boolean {
  return part?.kind === "text" && part.quoted;
}

async function runToEnd(call: Call, command: Command): Promise<number> {
  try {
    const status = await command.run(call);
    await call.out.flush();
    return status;
  } catch (thrown) {
    if (thrown instanceof HelpRequest) return printHelp(call, command);
    return report(call, command, thrown);
  }
}

/** Tells the user why a command ended, and the exit code. */
async function report(call: Call, command: Command | undefined, thrown: unknown): Promise<number> {
  if (call.signal.aborted) throw interruption(call.signal);
  if (thrown instanceof UsageError) {
    await call.complain(thrown.message);
    await call.warn(`Try '${call.name} --help' for more information.\n`);
    return command?.usageStatus ?? 1;
  }
  const known = thrown instanceof FsError || thrown instanceof CommandError;
  if (!known) throw thrown;
  await call.complain(thrown instanceof FsError ? reason(thrown) : thrown.message);
  return thrown instanceof CommandError ? thrown.status : 1;
}

async function printHelp(call: Call, command: Command): Promise<number> {
  await call.out.print(fromText(helpText(command)));
  await call.out.flush();
  return 0;
}

async function notFound(call: Call): Promise<number> {
  const hint =
    call.name === "rsync"
      ? "not available on this server: use sftp, scp or rclone"
      : "command not found (try: help)";
  await call.complain(hint);
  return NOT_FOUND;
}
