import type { Command } from "commander";
import { addSyncOptions, EXIT_CODES, type SyncFlags } from "../client/options.ts";
import type { CommandContext } from "../context.ts";

const SUMMARY = "make a directory the same as another: one here, one on a server";
const RULE =
  "DIR goes into the target, as TARGET/DIR; DIR/ is its contents, which become the target's.";

const EXAMPLES = `
Examples:
  moorage sync photos/ alice@files.example.org:photos        what is in photos, into photos there
  moorage sync alice@files.example.org:photos ~/Pictures     makes ~/Pictures/photos
  moorage sync --delete --dry-run docs/ alice@localhost:docs  what would be sent and deleted

Files of the same size and time are left as they are; times and modes are kept. --delete removes only in
directories that the source has, too, and only if nothing failed before.
${EXIT_CODES}`;

export function addSyncCommand(program: Command, context: CommandContext): void {
  addSyncOptions(program.command("sync"))
    .argument("<source>", "a directory or file: local, or [user@]host:path")
    .argument("<target>", "where to: [user@]host:[path], or local")
    .usage("[options] SOURCE TARGET")
    .summary(SUMMARY)
    .description(`${SUMMARY}. ${RULE}`)
    .addHelpText("after", EXAMPLES)
    .action(async (source: string, target: string, flags: SyncFlags) => {
      const { sync } = await import("../client/one-job.ts");
      await sync(context, [source, target], flags);
    });
}
