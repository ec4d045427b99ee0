import type { Command } from "commander";
import type { AdminScreen, AdminTerminal } from "../../../admin/main.ts";
import { connectControl } from "../../control/client.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import type { CommandContext } from "../context.ts";
import type { Io } from "../io.ts";
import { sshAddress } from "../ssh-address.ts";

const EXAMPLES = `
Examples:
  moorage admin                          the server of this directory
  moorage --root /srv/moorage admin
  ssh -t -p 2222 admin@host              the same screen from anywhere
`;

export function addAdminCommand(program: Command, context: CommandContext): void {
  program
    .command("admin")
    .description("show and manage users, sessions, transfers and the log on this terminal")
    .addHelpText("after", EXAMPLES)
    .action(() => admin(context));
}

async function admin(context: CommandContext): Promise<void> {
  const { io } = context;
  const { canShow, openAdmin } = await import("../../../admin/main.ts");
  if (io.stdin.isTTY !== true || process.stdout.isTTY !== true) {
    throw new ControlError("the admin screen needs a terminal: run it without pipes", EXIT.usage);
  }
  const term = io.env.TERM ?? "";
  if (!canShow(term)) {
    const name = term === "" ? "TERM is not set" : `TERM is ${JSON.stringify(term)}`;
    throw new ControlError(`this terminal can't show the admin screen: ${name}`, EXIT.usage);
  }
  const root = context.root();
  const control = await connectControl(root);
  const { terminal, giveBack } = takeTerminal(io, term);
  const from = sshAddress(io.env);
  const screen = openAdmin({
    control,
    reconnect: () => connectControl(root),
    terminal,
    who: root,
    keyFiles: true,
    ...(from !== undefined && { from }),
  });
  context.exitCode = await untilLeft(screen, giveBack, io);
}

/**
 * Waits until the screen is left; whatever ends it, the terminal is given back first.
 * @param events signals and uncaught errors
 * @returns the exit code; rejects with what was uncaught
 */
export async function untilLeft(
  screen: AdminScreen,
  giveBack: () => void,
  io: Pick<Io, "err">,
  events: NodeJS.EventEmitter = process,
): Promise<number> {
  let exitCode: number = EXIT.ok;
  const leave = (code: number): void => {
    exitCode = code;
    screen.close();
  };
  // 128 and the signal's number, as shells tell it.
  const signals = { SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const;
  const handlers = Object.entries(signals).map(
    ([name, code]) => [name, () => leave(code)] as const,
  );
  for (const [name, handler] of handlers) events.on(name, handler);
  let failure: unknown;
  const failed = (thrown: unknown): void => {
    failure ??= thrown;
    leave(EXIT.failed);
  };
  events.on("uncaughtException", failed);
  await screen.closed;
  giveBack();
  events.off("uncaughtException", failed);
  for (const [name, handler] of handlers) events.off(name, handler);
  if (failure !== undefined) throw failure;
  if (exitCode !== EXIT.ok) io.err("moorage: the admin screen was ended by a signal\n");
  return exitCode;
}

/** The process's own terminal, in raw mode until it is given back. */
function takeTerminal(io: Io, term: string): { terminal: AdminTerminal; giveBack: () => void } {
  const { stdin, stdout } = process;
  const listeners = new Set<() => void>();
  const resized = (): void => {
    for (const listener of listeners) listener();
  };
  // After a stop (kill -STOP, a debugger) the shell had the terminal.
  const continued = (): void => {
    stdin.setRawMode(true);
    resized();
  };
  stdin.setRawMode(true);
  stdout.on("resize", resized);
  process.on("SIGCONT", continued);
  const terminal: AdminTerminal = {
    input: stdin,
    output: stdout,
    term,
    colour: !io.env.NO_COLOR,
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
    onResize: (listener) => void listeners.add(listener),
  };
  const giveBack = (): void => {
    process.off("SIGCONT", continued);
    stdout.off("resize", resized);
    stdin.setRawMode(false);
    stdin.pause();
  };
  return { terminal, giveBack };
}
