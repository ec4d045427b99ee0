import { Command } from "commander";
import { EXIT } from "../control/errors.ts";
import { VERSION } from "../version.ts";
import { addAdminCommand } from "./commands/admin.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addConfigCommands } from "./commands/config.ts";
import { addConnectCommand } from "./commands/connect.ts";
import { addGetCommand } from "./commands/get.ts";
import { addLogsCommand } from "./commands/logs.ts";
import { addPutCommand } from "./commands/put.ts";
import { addReloadCommand } from "./commands/reload.ts";
import { addRestartCommand } from "./commands/restart.ts";
import { addServeCommand } from "./commands/serve.ts";
import { addSessionCommands } from "./commands/sessions.ts";
import { addStatusCommands } from "./commands/status.ts";
import { addUsageCommand } from "./commands/usage.ts";
import { addUserCommands } from "./commands/user.ts";
import { type Context, instanceRoot } from "./context.ts";
import type { Io } from "./io.ts";
import { report } from "./report.ts";

const EXAMPLES = `
Examples:
  moorage serve                          run the server in this directory
  moorage user add alice --quota 20GB    add a user, also while the server runs
  moorage usage                          who stores how much
  moorage --root /srv/moorage status     another instance

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 the server is not running.
`;

/**
 * Runs one command line.
 * @param args without the program's name
 * @returns the exit code
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const program = new Command("moorage");
  const context: Context = {
    io,
    root: () => instanceRoot(program.opts<{ root?: string }>().root, io),
    exitCode: EXIT.ok,
  };
  describe(program, io);
  addServeCommand(program, context);
  addStatusCommands(program, context);
  addRestartCommand(program, context);
  addReloadCommand(program, context);
  addSessionCommands(program, context);
  addLogsCommand(program, context);
  addConfigCommands(program, context);
  addUserCommands(program, context);
  addUsageCommand(program, context);
  addConnectCommand(program, context);
  addPutCommand(program, context);
  addGetCommand(program, context);
  addAdminCommand(program, context);
  addCompletionCommand(program, context);
  try {
    await program.parseAsync(args, { from: "user" });
    return context.exitCode;
  } catch (thrown) {
    return report(thrown, io);
  }
}

function describe(program: Command, io: Io): void {
  program
    .description("An SSH/SFTP file server: every user a login, a home and a quota that is exact.")
    .option("--root <dir>", "the instance's directory (default: MOORAGE_ROOT, or this directory)")
    .version(`moorage ${VERSION}`, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      // Errors are printed by report(), in one line.
      outputError: () => {},
      getOutHasColors: () => io.colour,
      getErrHasColors: () => false,
    })
    .addHelpText("after", EXAMPLES)
    .exitOverride();
}
