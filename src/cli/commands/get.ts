import type { Command } from "commander";
import { addTransferOptions, EXIT_CODES, type TransferFlags } from "../client/options.ts";
import type { CommandContext } from "../context.ts";

const EXAMPLES = `
Examples:
  moorage get alice@files.example.org:report.pdf             to this directory
  moorage get -r alice@files.example.org:photos ~/Pictures   to ~/Pictures/photos
  moorage get 'alice@files.example.org:logs/*.gz' logs/      the quotes keep * for the server
  moorage get -P 2222 -r alice@localhost:photos/ copy        what is in photos, to copy

The same command again goes on where a transfer was broken off.
${EXIT_CODES}`;

export function addGetCommand(program: Command, context: CommandContext): void {
  addTransferOptions(program.command("get"))
    .argument("<names...>", "[user@]host:path, and last where to (default: this directory)")
    .usage("[options] [user@]host:PATH... [LOCAL]")
    .description("download files")
    .addHelpText("after", EXAMPLES)
    .action(async (names: string[], flags: TransferFlags) => {
      const { get } = await import("../client/one-job.ts");
      await get(context, names, flags);
    });
}
