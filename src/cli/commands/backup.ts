import { realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Writable } from "node:stream";
import type { Command } from "commander";
import { type BackedUp, backUp } from "../../backup/backup.ts";
import { TargetFile } from "../../backup/target.ts";
import type { Missed } from "../../backup/toll.ts";
import { loadStoreSettings } from "../../config/load.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import { requireInstance } from "../../control/instance.ts";
import { errorName } from "../../errors.ts";
import { recover, recoverHome } from "../../quota/recover.ts";
import type { Store } from "../../store/store.ts";
import { count, spanText } from "../../text/figures.ts";
import { visible } from "../../text/safe.ts";
import { roundSize } from "../../text/units.ts";
import { VERSION } from "../../version.ts";
import { Evidence } from "../../vfs/evidence.ts";
import { type CommandContext, withStore } from "../context.ts";
import { json } from "../format.ts";
import { fitted } from "../layout.ts";
import { ProgressLine } from "../progress-line.ts";
import { stopSignal } from "../signals.ts";

interface BackupFlags {
  readonly homes?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** The exit codes that shells have for a process that a signal ended. */
const SIGNALLED: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };

const ELSEWHERE =
  "the database of this instance is PostgreSQL, whose own backup has to be taken (pg_dump): before it that of homes/, and keys/ and moorage.toml with it";

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG", "SQLITE_FULL"]);

export function addBackupCommand(program: Command, context: CommandContext): void {
  program
    .command("backup")
    .argument("<file>", "where it is written, such as moorage.tar.gz; - is standard output")
    .description("back up the instance, also while the server runs")
    .option("--homes", "with the files of users and folders")
    .option("--force", "replace a file that is there")
    .option("--json", "print JSON")
    .action((file: string, flags: BackupFlags) => backup(context, file, flags));
}

async function backup(context: CommandContext, file: string, flags: BackupFlags): Promise<void> {
  const { io } = context;
  const root = context.root();
  requireInstance(root);
  if (loadStoreSettings({ root, env: io.env }).url !== "") throw new ControlError(ELSEWHERE);
  if (file === "-" && io.stdout?.isTTY === true) {
    throw new ControlError(
      "a backup is no text for a terminal: give a file, or redirect it (moorage backup - > FILE)",
      EXIT.usage,
    );
  }
  if (file !== "-") requireOutside(root, file);
  const stop = new AbortController();
  void stopSignal().then((signal) => stop.abort(signal));
  try {
    const started = performance.now();
    const { made, bytes } = await write(context, file, flags, stop.signal);
    tell(context, file, flags, made, { bytes, ms: performance.now() - started });
    if (made.trailer.unread > 0) context.exitCode = EXIT.failed;
  } catch (thrown) {
    if (!stop.signal.aborted) throw known(thrown);
    context.exitCode = SIGNALLED[stop.signal.reason as string] ?? EXIT.failed;
    io.err("moorage: stopped: no backup was made\n");
  }
}

/** A backup in what it backs up would hold itself. */
function requireOutside(root: string, file: string): void {
  const directory = realpathSync(dirname(resolve(file)));
  for (const part of ["homes", "keys", "db"]) {
    const inside = join(realpathSync(root), part);
    if (directory !== inside && !directory.startsWith(`${inside}/`)) continue;
    throw new ControlError(`${part}/ is what is backed up: write the backup somewhere else`);
  }
}

async function write(
  context: CommandContext,
  file: string,
  flags: BackupFlags,
  signal: AbortSignal,
): Promise<{ readonly made: BackedUp; readonly bytes: number }> {
  const root = context.root();
  const standardOutput = context.io.stdout;
  const beside = file === "-" ? join(root, "db", "backup") : resolve(file);
  // Also for standard output: its database is put together in a file that a kill may leave.
  const target = new TargetFile(beside, flags.force === true || file === "-");
  try {
    const output = file === "-" && standardOutput ? standardOutput : target.output();
    const made = await copy(context, flags, { aside: target.aside, output, signal });
    if (file !== "-") target.commit();
    return made;
  } finally {
    target.close();
  }
}

function copy(
  context: CommandContext,
  flags: BackupFlags,
  { aside, output, signal }: { aside: string; output: Writable; signal: AbortSignal },
) {
  const root = context.root();
  const homes = flags.homes === true;
  const line = new ProgressLine(context.io);
  let [files, stored] = [0, 0];
  let bytes = 0;
  return withStore(
    context,
    async (store) => {
      const evidence = await settled(store, line);
      const made = await backUp(
        {
          ...{ root, homes, aside, signal, version: VERSION },
          outcome: (open) => evidence.outcome(open),
          onMissed: (missed) => line.say(missedText(missed)),
          onCopied: (entries, size) => {
            files += entries;
            stored += size;
            line.show(() => `${count(files, "file")}, ${roundSize(stored)} …`);
          },
          onWritten: (total) => {
            bytes = total;
          },
        },
        output,
      );
      line.clear();
      return { made, bytes };
    },
    { withoutHomes: !homes },
  );
}

/** What killed servers have left is settled, and all that processes have in memory is told. */
async function settled(store: Store, line: ProgressLine): Promise<Evidence> {
  const evidence = new Evidence(store.ledger);
  store.ledger.setWitness(evidence);
  store.leases.onDead((home) => recoverHome(store, evidence, home));
  try {
    await recover(store, evidence);
  } catch (thrown) {
    line.say(
      `moorage: what a killed server left is not settled: ${visible(errorName(thrown))}; the usage in the backup may be wrong`,
    );
  }
  await store.leases.exact();
  return evidence;
}

function missedText({ what, path, why }: Missed): string {
  const texts = {
    unread: "not in the backup",
    vanished: "vanished",
    changed: "changed",
    skipped: "left out",
  };
  return `moorage: ${path}: ${texts[what]}: ${why}`;
}

function tell(
  { io, root }: CommandContext,
  file: string,
  { json: asJson }: BackupFlags,
  { manifest, trailer, changed, skipped }: BackedUp,
  { bytes, ms }: { readonly bytes: number; readonly ms: number },
): void {
  // Standard output has the backup itself.
  const out = file === "-" ? io.err : io.out;
  const { files, unread, vanished, sha256 } = trailer;
  if (asJson) {
    const stored = { files, storedBytes: trailer.bytes, unread, vanished, changed, skipped };
    const { program, ...rest } = manifest;
    out(
      json({
        file: file === "-" ? null : file,
        bytes,
        version: program,
        ...rest,
        ...stored,
        sha256,
      }),
    );
    return;
  }
  const what = manifest.homes
    ? `database, keys, settings and ${count(files, "file")} with ${roundSize(trailer.bytes)}`
    : "database, keys and settings (--homes: the files, too)";
  const where = file === "-" ? "" : ` in ${visible(basename(file))}`;
  const columns = file === "-" ? io.errColumns : io.columns;
  const told = `Backed up ${visible(root())}${where}: ${what}; ${roundSize(bytes)}, ${spanText(ms)}.`;
  out(fitted(`${told}\n`, columns));
  const losses: [number, string][] = [
    [unread, "could not be read and not in the backup"],
    [vanished, "gone before they were read"],
    [changed, "written to while they were read"],
    [skipped, "neither file, directory nor link"],
  ];
  for (const [number, text] of losses) if (number > 0) out(`${number} ${text}.\n`);
}

function known(thrown: unknown): unknown {
  const { code } = thrown as { code?: string };
  if (code === "EPIPE") return new ControlError("nobody reads the backup any more");
  if (code === undefined || !FULL.has(code)) return thrown;
  return new ControlError("the disk for the backup is full: nothing was made there");
}
