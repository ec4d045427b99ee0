import { type Command, InvalidArgumentError } from "commander";
import { ControlError, EXIT } from "../../control/errors.ts";
import { checkGroupName, type GroupRequest } from "../../control/groups.ts";
import { groupDetailsJson, groupJson } from "../../control/views.ts";
import type { Hanging } from "../../store/groups.ts";
import { count } from "../../text/figures.ts";
import { oneLine } from "../../text/safe.ts";
import { administer, administerNew } from "../administer.ts";
import type { CommandContext } from "../context.ts";
import { json } from "../format.ts";
import { askYes } from "../input.ts";
import { addLimitOptions, givenLimits, type LimitOptions } from "../login-limits.ts";
import { type Limit, quotaOption } from "../options.ts";
import { groupDetails, groupTable } from "./group-text.ts";

interface SetOptions extends LimitOptions {
  readonly quota?: Limit;
}

const EXAMPLES = `
Examples:
  moorage group add students --quota 5GB --max-sessions 2
  moorage group join students alice bob
  moorage group set students --expires 2027-06-30 --from 192.0.2.0/24
  moorage group set students --quota default      members have the server's default again
`;

const HOW =
  "\nWhat a member has of their own counts first. Of several groups the most generous counts.";

const NOTHING =
  "nothing to change: give --quota, --expires, --from, --auth, --max-sessions, --upload-rate, --download-rate, --require or --trash-keep";

export function addGroupCommands(program: Command, context: CommandContext): void {
  const group = program
    .command("group")
    .description("manage groups of users; changes take effect at once, also on open sessions")
    .addHelpText("after", EXAMPLES);
  addMakingCommands(group, context);
  addShowingCommands(group, context);
  addMemberCommands(group, context);
}

/** A name of a group, as typed: others write a group with an "@" in front. */
export function groupName(text: string): string {
  return text.startsWith("@") ? text.slice(1) : text;
}

/** Names of groups with commas between them. */
export function groupNames(text: string): readonly string[] {
  const names = text.split(",").map((part) => groupName(part.trim()));
  if (names.every((name) => name !== "")) return [...new Set(names)];
  throw new InvalidArgumentError("Give names of groups with commas between them.");
}

function addMakingCommands(group: Command, context: CommandContext): void {
  addLimitOptions(group.command("add"))
    .argument("<name>", "the group's name", groupName)
    .description("add a group")
    .addOption(quotaOption(context.io))
    .addHelpText("after", HOW)
    .action((name: string, options: SetOptions) => add(context, name, options));
  addLimitOptions(group.command("set"))
    .argument("<name>", "the group's name", groupName)
    .description("change what the members of a group may do")
    .addOption(quotaOption(context.io))
    .addHelpText("after", HOW)
    .action((name: string, options: SetOptions) => set(context, name, options));
  group
    .command("remove")
    .argument("<name>", "the group's name", groupName)
    .description("remove a group, with what is shared with it; its members stay")
    .option("--yes", "don't ask")
    .action((name: string, options: { yes?: boolean }) => remove(context, name, options));
}

function addShowingCommands(group: Command, context: CommandContext): void {
  group
    .command("list")
    .description("list all groups")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => list(context, options));
  group
    .command("show")
    .argument("<name>", "the group's name", groupName)
    .description("show one group and its members")
    .option("--json", "print JSON")
    .action((name: string, options: { json?: boolean }) => show(context, name, options));
}

function addMemberCommands(group: Command, context: CommandContext): void {
  group
    .command("join")
    .argument("<name>", "the group's name", groupName)
    .argument("<users...>")
    .description("make users members of a group")
    .action((name: string, users: string[]) => join(context, name, users));
  group
    .command("leave")
    .argument("<name>", "the group's name", groupName)
    .argument("<users...>")
    .description("take users out of a group")
    .action((name: string, users: string[]) => leave(context, name, users));
}

function requestOf(options: SetOptions): GroupRequest {
  const { quota } = options;
  const quotaBytes = quota === "none" ? null : quota;
  return { ...(quotaBytes !== undefined && { quotaBytes }), ...givenLimits(options) };
}

async function add(context: CommandContext, name: string, options: SetOptions): Promise<void> {
  checkGroupName(name);
  await administerNew(context, ({ groups }) => groups.add(name, requestOf(options)));
  context.io.out(`Added group ${name}.\n`);
}

async function set(context: CommandContext, name: string, options: SetOptions): Promise<void> {
  const request = requestOf(options);
  if (Object.keys(request).length === 0) throw new ControlError(NOTHING, EXIT.usage);
  const group = await administer(context, ({ groups }) => groups.set(name, request));
  context.io.out(groupTable(context.io, [group]));
}

async function remove(
  context: CommandContext,
  name: string,
  { yes = false }: { readonly yes?: boolean },
): Promise<void> {
  const { io } = context;
  const { group, shares, rules } = await administer(context, ({ groups }) => groups.show(name));
  if (!yes) {
    if (!io.stdin.isTTY) throw new ControlError("no terminal to ask: give --yes", EXIT.usage);
    const what = hangingText({ members: group.members, shares, rules });
    if (!(await askYes(io, `Remove group ${name} (${what})?`))) {
      throw new ControlError("nothing was changed");
    }
  }
  const gone = await administer(context, ({ groups }) => groups.remove(name));
  io.out(`Removed group ${name} (${hangingText(gone)}).\n`);
}

function hangingText({ members, shares, rules }: Hanging): string {
  const parts = [count(members, "member")];
  if (shares > 0) parts.push(count(shares, "shared folder"));
  if (rules > 0) parts.push(count(rules, "access rule"));
  return parts.join(", ");
}

async function list(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { io } = context;
  const all = await administer(context, ({ groups }) => groups.list());
  if (options.json) io.out(json(all.map(groupJson)));
  else if (all.length === 0) io.out("No groups.\n");
  else io.out(groupTable(io, all));
}

async function show(
  context: CommandContext,
  name: string,
  options: { json?: boolean },
): Promise<void> {
  const details = await administer(context, ({ groups }) => groups.show(name));
  context.io.out(options.json ? json(groupDetailsJson(details)) : groupDetails(details));
}

async function join(context: CommandContext, name: string, users: string[]): Promise<void> {
  const joined = await administer(context, ({ groups }) => groups.join(name, users));
  const { io } = context;
  if (joined.length > 0) io.out(`Now in group ${name}: ${joined.join(", ")}.\n`);
  tellOthers(context, users, joined, "in it already");
}

async function leave(context: CommandContext, name: string, users: string[]): Promise<void> {
  const left = await administer(context, ({ groups }) => groups.leave(name, users));
  if (left.length > 0) context.io.out(`No more in group ${name}: ${left.join(", ")}.\n`);
  tellOthers(context, users, left, "not in it");
}

function tellOthers(
  { io }: CommandContext,
  users: readonly string[],
  done: readonly string[],
  why: string,
): void {
  const others = [...new Set(users)].filter((user) => !done.includes(user));
  if (others.length > 0) io.out(`${others.map(oneLine).join(", ")}: ${why}.\n`);
}
