import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { hasPassword } from "../../config/database-url.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import { requireInstance } from "../../control/instance.ts";
import { runningServers } from "../../control/nodes.ts";
import { asInstanceOwner } from "../../control/server-user.ts";
import { recover } from "../../quota/recover.ts";
import { COPIED } from "../../store/belongings.ts";
import type { Copied } from "../../store/copy.ts";
import { moveDatabase } from "../../store/move.ts";
import { openPostgresOf, openStore, type Store } from "../../store/store.ts";
import { count, spanText } from "../../text/figures.ts";
import { roundSize } from "../../text/units.ts";
import { VERSION } from "../../version.ts";
import { Evidence } from "../../vfs/evidence.ts";
import type { CommandContext } from "../context.ts";
import { json } from "../format.ts";
import { ProgressLine } from "../progress-line.ts";

/** For one statement with many rows, in milliseconds. */
const PATIENCE_MS = 120_000;

interface CopyFlags {
  readonly to: string;
  readonly passwordFile?: string;
  readonly json?: boolean;
}

const HELP = `
Stop the servers first. The database has to be there, and empty:
  createdb --owner moorage --template template0 --encoding UTF8 --locale C moorage
Its password comes from --password-file or the variable PGPASSWORD, so that no list of processes shows it.

  moorage store copy --to postgres://moorage@db.example/moorage --password-file /etc/moorage/db-password
`;

export function addStoreCommands(program: Command, context: CommandContext): void {
  const store = program.command("store").description("the database with the instance's books");
  store
    .command("copy")
    .description("move the instance's database from SQLite to PostgreSQL, with the servers stopped")
    .requiredOption("--to <url>", "the PostgreSQL database, such as postgres://user@host/database")
    .option("--password-file <file>", "a file with that database's password in its first line")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action((flags: CopyFlags) => copy(context, flags));
}

async function copy(context: CommandContext, flags: CopyFlags): Promise<void> {
  const root = context.root();
  requireSqlite(root);
  if (hasPassword(flags.to)) {
    throw new ControlError(
      "a password in --to stands in the list of processes: give it by --password-file or PGPASSWORD",
      EXIT.usage,
    );
  }
  const started = performance.now();
  const line = new ProgressLine(context.io);
  try {
    const copied = await asInstanceOwner(root, async () => {
      await settled(root);
      return moved(context, flags, line);
    });
    line.clear();
    tell(context, flags, copied, performance.now() - started);
  } catch (thrown) {
    line.clear();
    throw thrown;
  }
}

function requireSqlite(root: string): void {
  if (existsSync(join(root, "db", "moorage.sqlite"))) return;
  requireInstance(root);
  throw new ControlError("this instance has its books in PostgreSQL: there is nothing to copy");
}

/** Nobody uses the instance, and what killed servers left is booked. */
async function settled(root: string): Promise<void> {
  // The settings may name the other database already.
  const store = await openStore(root, "command", VERSION);
  try {
    await settle(store);
  } finally {
    await store.close();
  }
}

async function settle(store: Store): Promise<void> {
  const servers = await runningServers(store);
  if (servers.length > 0) {
    const pids = servers.map(({ pid }) => pid).join(", ");
    throw new ControlError(
      `a server runs (pid ${pids}): end it with \`moorage stop\`, run this again, then start it with the new settings`,
    );
  }
  const evidence = new Evidence(store.ledger);
  store.ledger.setWitness(evidence);
  store.leases.onDead(() => recover(store, evidence));
  await recover(store, evidence);
}

async function moved(
  { io, root }: CommandContext,
  { to, passwordFile }: CopyFlags,
  line: ProgressLine,
): Promise<Copied> {
  const place = { url: to, passwordFile, env: io.env };
  const target = await openPostgresOf(root(), place, false, PATIENCE_MS);
  try {
    return moveDatabase({
      root: root(),
      target,
      onRows: (done, of) => line.show(() => `${done} of ${count(of, "row")} copied …`),
    });
  } finally {
    target.close();
  }
}

function tell(
  { io, root }: CommandContext,
  { to, passwordFile, json: asJson }: CopyFlags,
  { rows, usedBytes, usedFiles }: Copied,
  ms: number,
): void {
  if (asJson) {
    io.out(json({ to, rows, usedBytes, usedFiles, kept: COPIED }));
    return;
  }
  const all = Object.values(rows).reduce((sum, one) => sum + one, 0);
  const setting =
    passwordFile === undefined ? "" : `\n     password_file = "${resolve(passwordFile)}"`;
  io.out(`Copied ${count(all, "row")} of ${count(Object.keys(rows).length, "table")}, and compared them: \
${count(rows.homes ?? 0, "home")} with ${roundSize(usedBytes)} in ${count(usedFiles, "file")}; ${spanText(ms)}.
${COPIED} is what the database was. Nothing uses it any more.

Next:
  1. Add to ${join(root(), "moorage.toml")}:
     [store]
     url = "${to}"${setting}
  2. moorage check --homes
  3. moorage serve
`);
}
