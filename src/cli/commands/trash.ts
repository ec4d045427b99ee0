import type { Command } from "commander";
import { pathText } from "../../access/paths.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import { TrashControl } from "../../control/trash.ts";
import { MAX_TRASH_PAGE } from "../../control/trash-protocol.ts";
import { trashedJson } from "../../control/views.ts";
import { count, dateText } from "../../text/figures.ts";
import { oneLine } from "../../text/safe.ts";
import { roundSize } from "../../text/units.ts";
import type { TrashedFile } from "../../vfs/types.ts";
import { administer } from "../administer.ts";
import { openBareHome } from "../bare-home.ts";
import { type CommandContext, cliActor } from "../context.ts";
import { json, table } from "../format.ts";
import { confirmDeleting } from "../input.ts";

const EXAMPLES = `
Examples:
  moorage trash alice list
  moorage trash alice restore /reports/june.ods
  moorage trash @projects restore 0mifk3q0a2bx7d1 --to /recovered.txt
  moorage trash alice empty --yes

\`trash.keep\` in the settings says how long removed files stay, \`--trash-keep\` of user set, group set
and folder set for some.
`;

const ACTIONS = ["list", "restore", "empty"] as const;

interface Options {
  readonly to?: string;
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addTrashCommand(program: Command, context: CommandContext): void {
  program
    .command("trash")
    .argument("<name>", "a user, or a shared folder as @NAME")
    .argument("<action>", ACTIONS.join(", "))
    .argument("[what...]", "IDs or paths, as `list` shows them; a path means its newest file")
    .description("list, restore or remove for good what users have removed")
    .option("--to <path>", "restore: where it is put, in the home or folder")
    .option("--force", "restore: replace what is there, which goes to the trash")
    .option("--yes", "empty: don't ask")
    .option("--json", "print JSON")
    .addHelpText("after", EXAMPLES)
    .action((name: string, action: string, what: string[], options: Options) =>
      run(context, name, action, what, options),
    );
}

async function run(
  context: CommandContext,
  name: string,
  action: string,
  what: readonly string[],
  options: Options,
): Promise<void> {
  if (action === "list" && what.length === 0) return list(context, name, options);
  if (action === "restore" && what.length > 0) return restore(context, name, what, options);
  if (action === "empty") return empty(context, name, what, options);
  throw new ControlError(
    action === "restore"
      ? "give what is to be restored: an ID or a path as `list` shows it"
      : "give list, restore WHAT…, or empty [ID…]",
    EXIT.usage,
  );
}

function withTrash<T>(
  context: CommandContext,
  act: (trash: TrashControl) => Promise<T>,
): Promise<T> {
  return administer(context, ({ store, config }) => {
    const instance = { store, config, root: context.root() };
    const open = (home: { id: number; name: string }) => openBareHome(instance, home);
    return act(new TrashControl({ store, actor: cliActor(), open }));
  });
}

async function list(context: CommandContext, name: string, options: Options): Promise<void> {
  const { io } = context;
  const files: TrashedFile[] = [];
  await withTrash(context, async (trash) => {
    for (let more = true; more; ) {
      const page = await trash.list(name, MAX_TRASH_PAGE, files.at(-1)?.id);
      files.push(...page.files);
      more = page.more;
    }
  });
  if (options.json) return io.out(json(files.map(trashedJson)));
  if (files.length === 0) return io.out("The trash is empty.\n");
  const columns = [{ title: "ID" }, { title: "REMOVED" }, { title: "SIZE", right: true }];
  const rows = files.map(({ id, removedAt, size, path }) => [
    id,
    dateText(removedAt),
    roundSize(size),
    oneLine(pathText(path)),
  ]);
  io.out(table(io, [...columns, { title: "PATH" }], rows));
}

async function restore(
  context: CommandContext,
  name: string,
  what: readonly string[],
  { to, force = false, json: asJson = false }: Options,
): Promise<void> {
  if (to !== undefined && what.length > 1) {
    throw new ControlError("--to needs exactly one file", EXIT.usage);
  }
  const restored = await withTrash(context, async (trash) => {
    const paths: { what: string; path: string }[] = [];
    for (const one of what) {
      paths.push({ what: one, path: await trash.restore(name, one, { to, force }) });
    }
    return paths;
  });
  if (asJson) return context.io.out(json(restored));
  for (const { path } of restored) context.io.out(`Restored ${oneLine(path)}\n`);
}

async function empty(
  context: CommandContext,
  name: string,
  ids: readonly string[],
  options: Options,
): Promise<void> {
  const whole = `all that is in the trash of ${oneLine(name)}`;
  await confirmDeleting(context.io, ids.length === 0 ? whole : count(ids.length, "file"), options);
  const emptied = await withTrash(context, (trash) =>
    trash.empty(name, ids.length === 0 ? undefined : ids),
  );
  if (options.json) return context.io.out(json(emptied));
  const size = roundSize(emptied.bytes);
  context.io.out(`Removed ${count(emptied.files, "file")}, ${size}.\n`);
}
