import { type ByteString, display, fromText } from "../vfs/path.ts";
import { Call } from "./call.ts";
import { COMMANDS } from "./commands/table.ts";
import { type Completion, type CompletionScope, complete } from "./complete.ts";
import type { Shell } from "./context.ts";
import { Interrupted } from "./errors.ts";
import { Input, NO_INPUT, type ShellIo } from "./io.ts";
import { LineEditor } from "./line-editor.ts";
import { MAX_LINE_BYTES } from "./parser.ts";
import type { Pty } from "./pty.ts";
import { runCommandLine } from "./run.ts";
import { decodeText, encodeText } from "./text.ts";
import { isDirectory, isLink, listEntries } from "./tree.ts";

/** Runs one line at a terminal; Ctrl-C ends it. */
export async function runAtTerminal(
  line: ByteString,
  shell: Shell,
  pty: Pty,
  signal: AbortSignal,
): Promise<number> {
  const interrupt = new AbortController();
  pty.onInterrupt = () => interrupt.abort(new Interrupted());
  const io: ShellIo = {
    stdin: new Input(pty.lines()),
    stdout: pty.output,
    stderr: pty.output,
    terminal: pty,
  };
  try {
    return await runCommandLine(line, io, shell, AbortSignal.any([signal, interrupt.signal]));
  } finally {
    pty.onInterrupt = undefined;
  }
}

/** The shell at a terminal, until `exit` or Ctrl-D. Resolves to the exit code. */
export async function interact(shell: Shell, pty: Pty, signal: AbortSignal): Promise<number> {
  const print = (text: string) => pty.output.write(Buffer.from(text));
  for (const line of (await shell.context.welcome?.()) ?? []) await print(`${line}\n`);
  const editor = new LineEditor(pty, (line) => completion(line, shell, signal));
  while (!shell.leaving) {
    const line = await editor.readLine(prompt(shell), signal);
    if (line === undefined) break;
    if (line.trim() !== "") await runAtTerminal(line, shell, pty, signal);
  }
  return shell.status;
}

function prompt({ context, directory }: Shell): string {
  return `${context.user}@${context.host}:${display(directory)}$ `;
}

/** Never rejects: readline would print the error. */
async function completion(line: string, shell: Shell, signal: AbortSignal): Promise<Completion> {
  try {
    return await complete(line, line.length, scopeOf(shell, signal));
  } catch {
    return { start: line.length, candidates: [] };
  }
}

function scopeOf(shell: Shell, signal: AbortSignal): CompletionScope {
  const nowhere = { write: async () => {} };
  const call = new Call({
    name: "",
    args: [],
    shell,
    stdin: new Input(NO_INPUT),
    stdout: nowhere,
    stderr: nowhere,
    terminal: undefined,
    signal,
  });
  return {
    commands: [...COMMANDS.keys()],
    async *entries(directory) {
      const path = encodeText(directory);
      for await (const { name, stat } of listEntries(call, shell.resolve(path))) {
        const target = isLink(stat)
          ? await call.look(`${directory}/${name}` as ByteString, true).catch(() => undefined)
          : stat;
        yield { name: decodeText(name), directory: isDirectory(target) };
      }
    },
  };
}

/** Lines from a channel without a terminal, such as a script. Resolves to the exit code. */
export async function runScript(shell: Shell, io: ShellIo, signal: AbortSignal): Promise<number> {
  while (!shell.leaving) {
    const read = await io.stdin.readLine(signal, MAX_LINE_BYTES + 2);
    if (read === undefined) break;
    const line = read.replace(/\r?\n$/, "") as ByteString;
    if (line.length > MAX_LINE_BYTES) {
      const text = `a line is longer than ${MAX_LINE_BYTES} bytes\n`;
      await io.stderr.write(Buffer.from(fromText(text), "latin1"));
      return 2;
    }
    await runCommandLine(line, io, shell, signal);
  }
  return shell.status;
}
