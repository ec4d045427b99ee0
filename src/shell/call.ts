import { FsError } from "../errors.ts";
import { type ByteString, fromText, toBuffer } from "../vfs/path.ts";
import type { FileStat, UserFileSystem } from "../vfs/types.ts";
import type { Shell } from "./context.ts";
import { interruption } from "./errors.ts";
import { type Input, type LineTerminal, Output, type Sink, unlessAborted } from "./io.ts";
import { shownName } from "./listing.ts";
import { lookAt } from "./tree.ts";

export interface Command {
  readonly name: string;
  /** one line for `help` */
  readonly summary: string;
  /** what may follow the name; more lines explain the options */
  readonly usage: string;
  /** exit code for wrong options, as the real tool's; 1 without it */
  readonly usageStatus?: number;
  /** Resolves to the exit code. May reject with FsError, UsageError, CommandError, Interrupted. */
  run(call: Call): Promise<number>;
}

export interface CallOptions {
  readonly name: string;
  readonly args: readonly ByteString[];
  readonly shell: Shell;
  readonly stdin: Input;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly terminal: LineTerminal | undefined;
  readonly signal: AbortSignal;
}

/** One command being run. */
export class Call {
  readonly name: string;
  readonly args: readonly ByteString[];
  readonly shell: Shell;
  readonly stdin: Input;
  readonly out: Output;
  /** the terminal that the output goes to */
  readonly terminal: LineTerminal | undefined;
  readonly signal: AbortSignal;
  readonly #stderr: Sink;

  constructor(options: CallOptions) {
    this.name = options.name;
    this.args = options.args;
    this.shell = options.shell;
    this.stdin = options.stdin;
    this.terminal = options.terminal;
    this.signal = options.signal;
    this.out = new Output(options.stdout, options.signal);
    this.#stderr = options.stderr;
  }

  get fs(): UserFileSystem {
    return this.shell.context.fs;
  }

  /** The path of an operand. @throws FsError ENOENT for an empty one, as POSIX has it */
  path(operand: ByteString): ByteString {
    if (operand === "") throw new FsError("ENOENT");
    return this.shell.resolve(operand);
  }

  /** Metadata of what an operand names; undefined when there is nothing. */
  async look(operand: ByteString, follow: boolean): Promise<FileStat | undefined> {
    return operand === "" ? undefined : lookAt(this.fs, this.path(operand), follow);
  }

  /** A name as the output may show it: control characters in it would act on a terminal. */
  shown(name: ByteString): ByteString {
    return shownName(name, this.terminal !== undefined);
  }

  /** One line on standard error, behind the command's name. */
  async complain(text: string): Promise<void> {
    await this.warn(`${this.name}: ${text}\n`);
  }

  /** Text on standard error, behind what was printed until now. */
  async warn(text: string): Promise<void> {
    await this.out.flush();
    await unlessAborted(this.signal, this.#stderr.write(toBuffer(fromText(text))));
  }

  /** To be awaited in every loop: ends it when interrupted, and lets others have their turn. */
  async step(): Promise<void> {
    if (this.signal.aborted) throw interruption(this.signal);
    await this.shell.context.turn.pass();
  }
}
