import { closeSync, createReadStream, fstatSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import { type Restored, restore as restoreBackup } from "../../backup/restore.ts";
import { ControlError } from "../../control/errors.ts";
import { schemaHere } from "../../store/store.ts";
import { count, dateText, spanText } from "../../text/figures.ts";
import { visible } from "../../text/safe.ts";
import { roundSize } from "../../text/units.ts";
import type { CommandContext } from "../context.ts";
import { json } from "../format.ts";
import { fitted } from "../layout.ts";
import { ProgressLine } from "../progress-line.ts";

/** Read at once. */
const PIECE = 1024 * 1024;

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "not allowed to read it",
  EISDIR: "it is a directory",
};

export function addRestoreCommand(program: Command, context: CommandContext): void {
  program
    .command("restore")
    .argument("<file>", "a backup; - is standard input")
    .description("make an instance of a backup, in an empty directory (--root)")
    .option("--json", "print JSON")
    .action((file: string, options: { json?: boolean }) => restore(context, file, options));
}

async function restore(
  context: CommandContext,
  file: string,
  options: { readonly json?: boolean },
): Promise<void> {
  const { io } = context;
  const root = context.root();
  const line = new ProgressLine(io);
  const started = performance.now();
  try {
    const restored = await restoreBackup(opened(context, file), {
      root,
      schema: schemaHere(),
      onRead: (entries, bytes) =>
        line.show(() =>
          `${count(entries, "entry")}, ${roundSize(bytes)} …`.replace("entrys", "entries"),
        ),
    });
    line.clear();
    tell(context, options, restored, performance.now() - started);
  } catch (thrown) {
    line.clear();
    throw known(thrown, root);
  }
}

function opened({ io }: CommandContext, file: string): Readable {
  if (file === "-") return io.stdin as Readable;
  try {
    const fd = openSync(file, "r");
    if (!fstatSync(fd).isDirectory()) return createReadStream(file, { fd, highWaterMark: PIECE });
    closeSync(fd);
    throw Object.assign(new Error(), { code: "EISDIR" });
  } catch (thrown) {
    const { code = "" } = thrown as { code?: string };
    throw new ControlError(`can't read the backup ${file}: ${UNREADABLE[code] ?? code}`);
  }
}

function tell(
  { io, root }: CommandContext,
  options: { readonly json?: boolean },
  { manifest, trailer }: Restored,
  ms: number,
): void {
  const { files, bytes, unread } = trailer;
  if (options.json) {
    const { program, ...rest } = manifest;
    io.out(json({ root: root(), version: program, ...rest, files, bytes, unread }));
    return;
  }
  const what = manifest.homes
    ? `database, keys, settings and ${count(files, "file")} with ${roundSize(bytes)}`
    : "database, keys and settings";
  const of = `the backup of ${dateText(manifest.createdAt)} (moorage ${visible(manifest.program)})`;
  const told = `Restored ${of} in ${visible(root())}: ${what}; ${spanText(ms)}.\n`;
  io.out(fitted(told, io.columns));
  if (unread > 0) io.out(`${unread} could not be read when it was made, and are not in it.\n`);
  if (manifest.homes) return;
  const missing =
    "The files are not in it: put homes/ there, with homes/.moorage, then run `moorage usage --rescan`.\n";
  io.out(fitted(missing, io.columns));
}

function known(thrown: unknown, root: string): unknown {
  const { code } = thrown as { code?: string };
  if (code !== "ENOSPC" && code !== "EDQUOT" && code !== "SQLITE_FULL") return thrown;
  return new ControlError(
    `the disk of ${root} is full: delete what is there, then restore where there is room`,
  );
}
