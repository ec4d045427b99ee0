import type { Command } from "commander";
import type { Rule } from "../../access/access.ts";
import { ACCESS_MODES, ACCESS_TEXTS, isAccessMode } from "../../access/modes.ts";
import { pathText } from "../../access/paths.ts";
import type { Explanation } from "../../control/access.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import { explanationJson, ruleJson } from "../../control/views.ts";
import { oneLine } from "../../text/safe.ts";
import { administer } from "../administer.ts";
import type { CommandContext } from "../context.ts";
import { json, table } from "../format.ts";
import { modesText } from "./folder.ts";

interface AccessOptions {
  readonly json?: boolean;
  readonly remove?: boolean;
  readonly explain?: string;
}

const HELP = `
${modesText()}
The rule with the longest path counts. Where there are several for one path, the user's own comes
first, then the share of a folder, then all that the user's groups allow together.

Examples:
  moorage user access alice /reports read
  moorage user access @students /hand-in drop        a rule for all members of a group
  moorage user access alice                          all that counts for alice
  moorage user access alice --explain /reports/2026  which rule counts there, and why
  moorage user access alice /reports --remove
`;

export function addAccessCommand(user: Command, context: CommandContext): void {
  user
    .command("access")
    .argument("<name>", "a user, or a group as @NAME")
    .argument("[path]", "as the user sees it, such as /reports")
    .argument("[mode]", ACCESS_MODES.join(", "))
    .description("show or set what a user or a group may do at a path")
    .option("--remove", "remove the rule for the path")
    .option("--explain <path>", "say which rule counts at a path, and why")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action((name: string, path: string | undefined, mode: string | undefined, options) =>
      access(context, name, path, mode, options),
    );
}

async function access(
  context: CommandContext,
  name: string,
  path: string | undefined,
  mode: string | undefined,
  options: AccessOptions,
): Promise<void> {
  checkUse(path, mode, options);
  if (options.explain !== undefined) return explain(context, name, options.explain, options);
  if (path === undefined) return list(context, name, options);
  if (options.remove) return remove(context, name, path);
  return set(context, name, path, mode as string);
}

/** @throws ControlError for what does not belong together */
function checkUse(
  path: string | undefined,
  mode: string | undefined,
  { remove: removes, explain: explained }: AccessOptions,
): void {
  const usage = (text: string): ControlError => new ControlError(text, EXIT.usage);
  if (explained !== undefined && (path !== undefined || removes)) {
    throw usage("--explain takes the path itself, and nothing is changed with it");
  }
  if (removes && (path === undefined || mode !== undefined)) {
    throw usage("--remove takes the path of a rule, and no mode");
  }
  if (path !== undefined && !removes && mode === undefined) {
    throw usage(`give a mode for the path: ${ACCESS_MODES.join(", ")}; or --remove`);
  }
  if (mode !== undefined && !isAccessMode(mode)) {
    throw usage(`${oneLine(mode)} is no mode of access: give ${ACCESS_MODES.join(", ")}`);
  }
}

async function set(
  context: CommandContext,
  name: string,
  path: string,
  mode: string,
): Promise<void> {
  if (!isAccessMode(mode)) return;
  await administer(context, (administration) => administration.access.set(name, path, mode));
  context.io.out(`${oneLine(name)} at ${oneLine(path)}: ${mode} (${ACCESS_TEXTS[mode]}).\n`);
}

async function remove(context: CommandContext, name: string, path: string): Promise<void> {
  await administer(context, (administration) => administration.access.remove(name, path));
  context.io.out(`Removed the rule of ${oneLine(name)} for ${oneLine(path)}.\n`);
}

async function list(context: CommandContext, name: string, options: AccessOptions): Promise<void> {
  const { io } = context;
  const rules = await administer(context, async (administration): Promise<readonly Rule[]> => {
    if (!name.startsWith("@")) return administration.access.all(name);
    const own = await administration.access.list(name);
    return own.map((rule) => ({ ...rule, of: name, source: "group" }));
  });
  if (options.json) io.out(json(rules.map(ruleJson)));
  else if (rules.length === 0) io.out(`No rules: ${oneLine(name)} may do everything at home.\n`);
  else io.out(rulesTable(context, rules));
}

function rulesTable({ io }: CommandContext, rules: readonly Rule[]): string {
  const sorted = [...rules].sort((a, b) => (a.path < b.path ? -1 : 1));
  return table(
    io,
    [{ title: "PATH" }, { title: "ACCESS" }, { title: "FROM" }],
    sorted.map((rule) => [oneLine(pathText(rule.path)), rule.access, fromText(rule)]),
  );
}

function fromText({ source, of, folder }: Rule): string {
  switch (source) {
    case "user":
      return "own rule";
    case "group":
      return `rule of ${of}`;
    case "share":
      return `folder ${folder}`;
    case "group-share":
      return `folder ${folder}, shared with ${of}`;
  }
}

async function explain(
  context: CommandContext,
  name: string,
  path: string,
  options: AccessOptions,
): Promise<void> {
  const { io } = context;
  const found = await administer(context, (administration) =>
    administration.access.explain(name, path),
  );
  io.out(options.json ? json(explanationJson(found)) : explanationText(name, found));
}

function explanationText(name: string, found: Explanation): string {
  const at = oneLine(pathText(found.path));
  const head = `${oneLine(name)} at ${at}: ${found.access} (${ACCESS_TEXTS[found.access]})\n`;
  const why =
    found.deciding.length === 0
      ? ["  No rule is for this path or one above it, so it is as in any home.\n"]
      : found.deciding.map((rule) => `  counts   ${ruleText(rule)}\n`);
  const others = found.others.map((rule) => `  yields   ${ruleText(rule)}\n`);
  return [head, ...why, ...others].join("");
}

/** For people, on one line. */
export function ruleText(rule: Rule): string {
  return `${oneLine(pathText(rule.path))}: ${rule.access}, ${fromText(rule)}`;
}
