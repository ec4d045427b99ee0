import { spawnSync } from "node:child_process";
import { Hasher } from "../../../src/digests/hasher.js";
import type { DigestAlgorithm, Digests } from "../../../src/digests/types.ts";
import { Call } from "../../../src/shell/call.ts";
import { Shell, type ShellContext } from "../../../src/shell/context.ts";
import {
  Input,
  type LineTerminal,
  type ShellIo,
  type Sink,
  type Source,
} from "../../../src/shell/io.ts";
import { runCommandLine } from "../../../src/shell/run.ts";
import { Turn } from "../../../src/turn.ts";
import { type ByteString, bytes, fromText } from "../../../src/vfs/path.ts";
import type { OpenFile, UserFileSystem } from "../../../src/vfs/types.ts";
import { TestInstance } from "../../support/instance.ts";

export interface Outcome {
  readonly status: number;
  /** bytes, one a char */
  readonly stdout: ByteString;
  readonly stderr: ByteString;
}

/** Keeps what is written. */
export class MemorySink implements Sink {
  readonly chunks: Buffer[] = [];
  async write(data: Buffer): Promise<void> {
    this.chunks.push(data);
  }
  get text(): ByteString {
    return bytes(Buffer.concat(this.chunks));
  }
}

export function sourceOf(...chunks: (Buffer | string)[]): Source {
  const left = chunks.map((chunk) => Buffer.from(chunk as string));
  return { pull: async () => left.shift() };
}

/** Hashes in this thread and remembers nothing. */
export class PlainDigests implements Pick<Digests, "file" | "stream"> {
  file(file: OpenFile, algorithm: DigestAlgorithm): Promise<Buffer> {
    return this.stream(pieces(file), algorithm);
  }

  async stream(data: AsyncIterable<Buffer>, algorithm: DigestAlgorithm): Promise<Buffer> {
    const hasher = new Hasher(algorithm);
    for await (const piece of data) hasher.update(piece);
    return hasher.digest();
  }
}

async function* pieces(file: OpenFile): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(100_000);
  for (let position = 0; ; ) {
    const length = await file.read(buffer, 0, buffer.length, position);
    if (length === 0) return;
    yield buffer.subarray(0, length);
    position += length;
  }
}

export function contextOf(fs: UserFileSystem, more: Partial<ShellContext> = {}): ShellContext {
  return {
    fs,
    user: fs.owner.user,
    host: "harbour",
    startedAt: Date.now() - 3_600_000,
    turn: new Turn(),
    digests: new PlainDigests(),
    usage: async () => ({ usedBytes: 0, quotaBytes: null, usedFiles: 0, quotaFiles: null }),
    sessions: async () => [],
    newPasswords: { rule: "at least 1 character", refusal: async () => undefined },
    changePassword: async () => undefined,
    ...more,
  };
}

/** A call of a command that doesn't exist, for what takes one. */
export function callOf(shell: Shell): Call {
  const nowhere = new MemorySink();
  return new Call({
    name: "test",
    args: [],
    shell,
    stdin: new Input(sourceOf()),
    stdout: nowhere,
    stderr: nowhere,
    terminal: undefined,
    signal: new AbortController().signal,
  });
}

export interface RunOptions {
  readonly stdin?: Source;
  readonly signal?: AbortSignal;
  readonly terminal?: LineTerminal;
}

/** Runs one line in a shell and gathers what it prints. */
export async function run(shell: Shell, line: string, options: RunOptions = {}): Promise<Outcome> {
  const stdout = new MemorySink();
  const stderr = new MemorySink();
  const io: ShellIo = {
    stdin: new Input(options.stdin ?? sourceOf()),
    stdout,
    stderr,
    ...(options.terminal && { terminal: options.terminal }),
  };
  const signal = options.signal ?? new AbortController().signal;
  const status = await runCommandLine(fromText(line), io, shell, signal);
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** A home on the disk with a shell over it, next to the system's own tools in the same directory. */
export class ShellBench {
  readonly instance: TestInstance;
  readonly fs: UserFileSystem;
  readonly home: string;
  readonly shell: Shell;

  constructor(instance: TestInstance, fs: UserFileSystem, context: ShellContext) {
    this.instance = instance;
    this.fs = fs;
    this.home = instance.path("ada");
    this.shell = new Shell(context);
  }

  static async create(quota: number | null = null): Promise<ShellBench> {
    const instance = await TestInstance.create();
    const account = await instance.addUser("ada", quota);
    const fs = await instance.home(account);
    const usage = () => instance.ledger.exactUsage(account.id);
    return new ShellBench(instance, fs, contextOf(fs, { usage }));
  }

  run(line: string, options?: RunOptions): Promise<Outcome> {
    return run(this.shell, line, options);
  }

  /** What the system's shell and tools make of it, in the home's directory on the disk. */
  real(line: string, input: Buffer | string = ""): Outcome {
    const cwd = `${this.home}${this.shell.directory}`;
    const env = { PATH: process.env.PATH, LC_ALL: "C", TZ: process.env.TZ };
    const done = spawnSync("bash", ["--norc", "-c", line], { cwd, input, env });
    return {
      status: done.status ?? -1,
      stdout: bytes(done.stdout),
      stderr: bytes(done.stderr),
    };
  }

  close(): Promise<void> {
    return this.instance.close();
  }
}
