import type { Command } from "commander";
import { EXIT } from "../../control/errors.ts";
import type { FolderControl } from "../../control/folders.ts";
import { homeNamed } from "../../control/names.ts";
import type { UserControl } from "../../control/users.ts";
import { type Counted, usageJson } from "../../control/views.ts";
import { errorName, FsError } from "../../errors.ts";
import { roundSize } from "../../text/units.ts";
import { administer } from "../administer.ts";
import type { CommandContext } from "../context.ts";
import { json, paint, quotaText, table } from "../format.ts";
import type { Io } from "../io.ts";

interface UsageOptions {
  readonly json?: boolean;
  readonly rescan?: boolean;
}

export function addUsageCommand(program: Command, context: CommandContext): void {
  program
    .command("usage")
    .argument("[name]", "only this user, or this folder as @NAME")
    .description("show how much is stored, and of what quota")
    .option("--json", "print JSON")
    .option("--rescan", "count the homes again first, for files put there by other means")
    .action((name: string | undefined, options: UsageOptions) => usage(context, name, options));
}

async function usage(
  context: CommandContext,
  name: string | undefined,
  options: UsageOptions,
): Promise<void> {
  const { io } = context;
  const accounts = await administer(
    context,
    async ({ store, users, folders }) => {
      // All at once: each question makes every server tell what it has in memory.
      const asked = async (): Promise<Counted[]> => {
        if (name !== undefined) {
          const home = await homeNamed(store, name);
          return [await (home.name.startsWith("@") ? folders.folder(name) : users.account(name))];
        }
        const homes = (await users.list()).map(({ account }) => account);
        return [...homes, ...(await folders.list({ exact: false })).map(({ folder }) => folder)];
      };
      if (!options.rescan) return asked();
      for (const one of await asked()) {
        const counter = one.name.startsWith("@") ? folders : users;
        await rescanned(context, counter, one.name, name === undefined);
      }
      return asked();
    },
    { settle: true },
  );
  const list = accounts.map(usageJson);
  if (options.json) io.out(json(name === undefined ? list : list[0]));
  else io.out(usageTable(io, accounts));
}

/** @param goOn what fails with one of many is said, and the others have their turn */
async function rescanned(
  context: CommandContext,
  homes: Pick<UserControl | FolderControl, "rescan">,
  name: string,
  goOn: boolean,
): Promise<void> {
  try {
    await homes.rescan(name);
  } catch (thrown) {
    if (!goOn) throw thrown;
    const why = thrown instanceof FsError ? thrown.message : errorName(thrown);
    context.io.err(`moorage: ${name} not counted again, the old figures hold: ${why}\n`);
    context.exitCode = EXIT.failed;
  }
}

function usageTable(io: Io, accounts: readonly Counted[]): string {
  const columns = [
    { title: "NAME" },
    { title: "USED", right: true },
    { title: "QUOTA", right: true },
    { title: "%", right: true },
    { title: "FILES", right: true },
  ];
  const rows = accounts.map((account) => {
    const { percent } = usageJson(account);
    return [
      account.name,
      roundSize(account.usedBytes),
      quotaText(account.quotaBytes),
      percent === null ? "-" : percent.toFixed(1),
      `${account.usedFiles}`,
    ];
  });
  return accounts.length === 0 ? paint(io, "dim", "No users.\n") : table(io, columns, rows);
}
