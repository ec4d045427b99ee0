import type { Command } from "commander";
import { addLoginOptions, EXIT_CODES, type LoginFlags } from "../client/options.ts";
import type { CommandContext } from "../context.ts";

const EXAMPLES = `
Examples:
  moorage connect alice@files.example.org
  moorage connect -P 2222 -i ~/.ssh/work alice@localhost
  moorage connect alice@files.example.org:photos/2026      begin in that directory
  moorage connect alice@files.example.org < commands.txt   stops at the first command that fails
                                                           (a line that begins with - may fail)

\`help\` in the shell lists its commands, COMMAND --help explains one.
${EXIT_CODES}`;

export function addConnectCommand(program: Command, context: CommandContext): void {
  addLoginOptions(program.command("connect"))
    .argument("<server>", "[user@]host[:directory] or sftp://[user@]host[:port][/directory]")
    .description("open a file shell on an SFTP server")
    .addHelpText("after", EXAMPLES)
    .action(async (server: string, flags: LoginFlags) => {
      // Loaded here, so that the other commands don't wait for what only the client needs.
      const { connect } = await import("../client/connect.ts");
      await connect(context, server, flags);
    });
}
