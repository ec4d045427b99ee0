import { type Command, Option } from "commander";
import { ACCESS_MODES, ACCESS_TEXTS, type AccessMode } from "../../access/modes.ts";
import { pathText } from "../../access/paths.ts";
import { limitTexts } from "../../auth/login-limits-text.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import type { FolderWithShares } from "../../control/folders.ts";
import { folderName } from "../../control/names.ts";
import { folderJson } from "../../control/views.ts";
import { NO_LIMITS } from "../../store/login-limits.ts";
import type { Share } from "../../store/types.ts";
import { dateText } from "../../text/figures.ts";
import { oneLine } from "../../text/safe.ts";
import { roundSize } from "../../text/units.ts";
import { administer, administerNew } from "../administer.ts";
import type { CommandContext } from "../context.ts";
import { fields, json, quotaText, table } from "../format.ts";
import { confirmDeleting } from "../input.ts";
import type { Io } from "../io.ts";
import { fitted } from "../layout.ts";
import { givenLimits, type LimitOptions, trashKeepOption } from "../login-limits.ts";
import { type Limit, limitOf, maxFilesOption, quotaOption } from "../options.ts";

interface QuotaOptions {
  readonly quota?: Limit;
  readonly maxFiles?: Limit;
  readonly trashKeep?: LimitOptions["trashKeep"];
}

interface ShareOptions {
  readonly at?: string;
  readonly access: AccessMode;
}

interface RemoveOptions {
  readonly deleteFiles?: boolean;
  readonly yes?: boolean;
}

interface JsonOption {
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  moorage folder add projects --quota 100GB
  moorage folder share projects alice                     appears as /projects, with full access
  moorage folder share projects @students --access read
  moorage folder share handed-in @students --at /hand-in --access drop
  moorage folder remove projects --delete-files
`;

export function addFolderCommands(program: Command, context: CommandContext): void {
  const folder = program
    .command("folder")
    .description("manage shared folders; changes take effect at once, also on open sessions")
    .addHelpText("after", EXAMPLES);
  addMakingCommands(folder, context);
  addSharingCommands(folder, context);
}

function addMakingCommands(folder: Command, context: CommandContext): void {
  folder
    .command("add")
    .argument("<name>")
    .description("add a folder; nobody has it before it is shared")
    .addOption(quotaOption(context.io))
    .addOption(maxFilesOption())
    .addOption(trashKeepOption())
    .action((name: string, options: QuotaOptions) => add(context, name, options));
  folder
    .command("list")
    .description("list all folders")
    .option("--json", "print JSON")
    .action((options: JsonOption) => list(context, options));
  folder
    .command("show")
    .argument("<name>")
    .description("show one folder and with whom it is shared")
    .option("--json", "print JSON")
    .action((name: string, options: JsonOption) => show(context, name, options));
  folder
    .command("set")
    .argument("<name>")
    .description("change a folder's quota, or how long removed files stay")
    .addOption(quotaOption(context.io))
    .addOption(maxFilesOption())
    .addOption(trashKeepOption())
    .action((name: string, options: QuotaOptions) => set(context, name, options));
  folder
    .command("remove")
    .argument("<name>")
    .description("take a folder from everybody and remove it; its files are kept")
    .option("--delete-files", "delete its files, too; asks on a terminal")
    .option("--yes", "don't ask")
    .action((name: string, options: RemoveOptions) => remove(context, name, options));
}

function addSharingCommands(folder: Command, context: CommandContext): void {
  folder
    .command("share")
    .argument("<name>")
    .argument("<whom>", "a user, or a group as @NAME")
    .description("share a folder with a user or a group; again, to change where or how")
    .option("--at <path>", "the path where they see it [/NAME]")
    .addOption(accessOption().default("full"))
    .addHelpText("after", `\n${modesText()}`)
    .action((name: string, whom: string, options: ShareOptions) =>
      share(context, name, whom, options),
    );
  folder
    .command("unshare")
    .argument("<name>")
    .argument("<whom>", "a user, or a group as @NAME")
    .description("take the folder away again")
    .action((name: string, whom: string) => unshare(context, name, whom));
}

export function accessOption(): Option {
  return new Option("--access <mode>", "what they may do there").choices([...ACCESS_MODES]);
}

/** The modes with what they mean, for help. */
export function modesText(): string {
  const lines = ACCESS_MODES.map((mode) => `  ${mode.padEnd(6)}${ACCESS_TEXTS[mode]}\n`);
  return `Access modes:\n${lines.join("")}`;
}

async function add(context: CommandContext, name: string, options: QuotaOptions): Promise<void> {
  folderName(name);
  const limits = givenLimits({ trashKeep: options.trashKeep });
  const folder = await administerNew(context, async ({ folders, config }) => {
    const added = await folders.add({
      name,
      quotaBytes: limitOf(options.quota, config.quota.default),
      quotaFiles: limitOf(options.maxFiles, config.quota.files),
    });
    return limits.trashKeep === undefined ? added : folders.set(name, limits);
  });
  const plain = bare(folder.name);
  const added = `Added ${plain} (quota ${quotaText(folder.quotaBytes)}); \`moorage folder share ${plain} NAME\` lets somebody have it.\n`;
  context.io.out(fitted(added, context.io.columns));
}

async function list(context: CommandContext, options: JsonOption): Promise<void> {
  const { io } = context;
  const all = await administer(context, ({ folders }) => folders.list());
  if (options.json) io.out(json(all.map(folderJson)));
  else if (all.length === 0) io.out("No folders.\n");
  else io.out(folderTable(io, all));
}

function folderTable(io: Io, folders: readonly FolderWithShares[]): string {
  const columns = [
    { title: "NAME" },
    { title: "USED", right: true },
    { title: "QUOTA", right: true },
    { title: "FILES", right: true },
    { title: "SHARED WITH" },
  ];
  const rows = folders.map(({ folder, shares }) => [
    bare(folder.name),
    roundSize(folder.usedBytes),
    quotaText(folder.quotaBytes),
    `${folder.usedFiles}`,
    shares.map(({ to }) => to).join(", ") || "nobody",
  ]);
  return table(io, columns, rows);
}

async function show(context: CommandContext, name: string, options: JsonOption): Promise<void> {
  const { io } = context;
  const found = await administer(context, ({ folders }) => folders.show(name));
  io.out(options.json ? json(folderJson(found)) : details(found));
}

function details({ folder, shares }: FolderWithShares): string {
  const { quotaBytes, quotaFiles, usedBytes } = folder;
  return fields([
    ["Name", bare(folder.name)],
    ["Used", `${roundSize(usedBytes)} (${usedBytes} bytes)`],
    ["Quota", quotaBytes === null ? "none" : `${quotaText(quotaBytes)} (${quotaBytes} bytes)`],
    ["Files", `${folder.usedFiles}`],
    ["Max files", quotaFiles === null ? "none" : `${quotaFiles}`],
    ...limitTexts({ ...NO_LIMITS, trashKeep: folder.trashKeep }, 0),
    ["Created", dateText(folder.createdAt)],
    ...shares.map(
      ({ to, at, access }) =>
        ["Shared with", `${to} at ${oneLine(pathText(at))}: ${access}`] as const,
    ),
  ]);
}

async function set(context: CommandContext, name: string, options: QuotaOptions): Promise<void> {
  const { quota, maxFiles } = options;
  const limits = givenLimits({ trashKeep: options.trashKeep });
  if (quota === undefined && maxFiles === undefined && limits.trashKeep === undefined) {
    throw new ControlError(
      "nothing to change: give --quota, --max-files or --trash-keep",
      EXIT.usage,
    );
  }
  const found = await administer(context, async ({ folders, config }) => {
    await folders.set(name, {
      ...limits,
      ...(quota !== undefined && { quotaBytes: limitOf(quota, config.quota.default) }),
      ...(maxFiles !== undefined && { quotaFiles: limitOf(maxFiles, config.quota.files) }),
    });
    return folders.show(name);
  });
  context.io.out(folderTable(context.io, [found]));
}

async function remove(
  context: CommandContext,
  name: string,
  options: RemoveOptions,
): Promise<void> {
  if (options.deleteFiles) await confirmDeleting(context.io, `all files of ${bare(name)}`, options);
  const { filesDeleted } = await administer(
    context,
    ({ folders }) => folders.remove(name, options),
    { settle: true },
  );
  const plain = bare(name);
  const kept = options.deleteFiles ? "it had no files" : `its files are kept in homes/@${plain}`;
  context.io.out(`Removed ${plain}; ${filesDeleted ? "its files are deleted" : kept}.\n`);
}

async function share(
  context: CommandContext,
  name: string,
  whom: string,
  { at, access }: ShareOptions,
): Promise<void> {
  const { shares } = await administer(context, ({ folders }) =>
    folders.share(name, { to: whom, access, ...(at !== undefined && { at }) }),
  );
  const made = shares.find(({ to }) => to === whom);
  const where = oneLine(pathText(made?.at ?? ""));
  context.io.out(`${whom} has ${bare(name)} at ${where}, access ${access}.\n`);
}

async function unshare(context: CommandContext, name: string, whom: string): Promise<void> {
  const still = await administer(context, ({ folders }) => folders.unshare(name, whom));
  const user = oneLine(whom);
  context.io.out(
    still.length === 0
      ? `${user} does not have ${bare(name)} any more.\n`
      : `${user} still has ${bare(name)}, by ${still.map(groupText).join(", ")}.\n`,
  );
}

function groupText({ to, at, access }: Share): string {
  return `${to} at ${oneLine(pathText(at))} with access ${access}`;
}

function bare(name: string): string {
  return oneLine(name.startsWith("@") ? name.slice(1) : name);
}
