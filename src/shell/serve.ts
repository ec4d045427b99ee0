import type { ProgramControl, PtySize, SessionChannel } from "../channel.ts";
import type { ByteString } from "../vfs/path.ts";
import { Shell, type ShellContext } from "./context.ts";
import { Interrupted } from "./errors.ts";
import { interact, runAtTerminal, runScript } from "./interactive.ts";
import { Input, type ShellIo } from "./io.ts";
import { Pty } from "./pty.ts";
import { runCommandLine } from "./run.ts";
import { ChannelStreams } from "./streams.ts";

export interface ServeOptions {
  readonly context: ShellContext;
  /** the terminal the client asked for before */
  readonly pty?: PtySize | undefined;
  /** told of errors in the program itself, in one line without secrets or paths */
  onError?(text: string): void;
}

/** A command or shell that serves a channel. */
export interface ShellService extends ProgramControl {
  /** Ends it. Resolves when nothing of it uses the files any more. */
  close(): Promise<void>;
}

/** Exit codes of what is ended by a signal; others are ignored. */
const SIGNALS: Readonly<Record<string, number>> = { HUP: 129, INT: 130, QUIT: 131, TERM: 143 };

/** Runs one command line on a channel, then ends the channel with its exit code. */
export function serveCommand(
  channel: SessionChannel,
  command: ByteString,
  options: ServeOptions,
): ShellService {
  return serve(channel, options, (shell, streams, pty) =>
    pty === undefined
      ? runCommandLine(command, plainIo(streams), shell, streams.gone)
      : runAtTerminal(command, shell, pty, streams.gone),
  );
}

/** Runs a shell on a channel: with a prompt at a terminal, else line after line without a word. */
export function serveShell(channel: SessionChannel, options: ServeOptions): ShellService {
  return serve(channel, options, (shell, streams, pty) =>
    pty === undefined
      ? runScript(shell, plainIo(streams), streams.gone)
      : interact(shell, pty, streams.gone),
  );
}

function plainIo(streams: ChannelStreams): ShellIo {
  return {
    stdin: new Input(streams.input),
    stdout: streams.output,
    stderr: streams.errors,
  };
}

function serve(
  channel: SessionChannel,
  options: ServeOptions,
  run: (shell: Shell, streams: ChannelStreams, pty: Pty | undefined) => Promise<number>,
): ShellService {
  const streams = new ChannelStreams(channel);
  const pty = options.pty && new Pty(streams, options.pty);
  const shell = new Shell(options.context);
  const running = finish(run(shell, streams, pty), channel, options);
  return {
    close(): Promise<void> {
      streams.end(new Interrupted(SIGNALS.HUP));
      return running;
    },
    resize: (size) => pty?.resize(size),
    signal(name): void {
      const status = SIGNALS[name];
      if (status !== undefined) streams.end(new Interrupted(status));
    },
  };
}

/** Never rejects. */
async function finish(
  running: Promise<number>,
  channel: SessionChannel,
  options: ServeOptions,
): Promise<void> {
  let status = 1;
  try {
    status = await running;
  } catch (thrown) {
    if (thrown instanceof Interrupted) status = thrown.status;
    else {
      options.onError?.(thrown instanceof Error ? thrown.name : "unknown error");
      channel.writeError(Buffer.from("internal error\r\n"));
    }
  }
  channel.end(status);
}
