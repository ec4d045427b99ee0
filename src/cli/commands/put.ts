import type { Command } from "commander";
import { addTransferOptions, EXIT_CODES, type TransferFlags } from "../client/options.ts";
import type { CommandContext } from "../context.ts";

const EXAMPLES = `
Examples:
  moorage put report.pdf alice@files.example.org:           to the login directory
  moorage put -r photos alice@files.example.org:backup       to backup/photos
  moorage put -r photos/ alice@files.example.org:backup      what is in photos, to backup
  moorage put -P 2222 a.iso b.iso alice@localhost:images/
  moorage put --json big.iso alice@files.example.org: | jq  one event a line

Directories that are missing are made. The same command again goes on where a transfer was broken
off, and leaves out what is there already. What can't fit into the free
space is refused before the first byte.
${EXIT_CODES}`;

export function addPutCommand(program: Command, context: CommandContext): void {
  addTransferOptions(program.command("put"))
    .argument("<names...>", "local files, then where to: [user@]host:[path]")
    .usage("[options] LOCAL... [user@]host:[PATH]")
    .description("upload files")
    .addHelpText("after", EXAMPLES)
    .action(async (names: string[], flags: TransferFlags) => {
      const { put } = await import("../client/one-job.ts");
      await put(context, names, flags);
    });
}
