import type { Command } from "commander";
import { withoutPassword } from "../../config/database-url.ts";
import { readSettings, toConfig } from "../../config/load.ts";
import type { CommandContext } from "../context.ts";
import { json, table } from "../format.ts";

export function addConfigCommands(program: Command, context: CommandContext): void {
  const config = program.command("config").description("check and change the settings");
  config
    .command("check")
    .description("check moorage.toml and MOORAGE_… and print the settings in force")
    .option("--json", "print JSON (sizes in bytes, durations in milliseconds)")
    .action((options: { json?: boolean }) => check(context, options));
  config
    .command("set <name> <value>")
    .description("write a setting into moorage.toml and put it in force")
    .option("--json", "print JSON (sizes in bytes, durations in milliseconds)")
    .addHelpText("after", EXAMPLES)
    .action((name: string, value: string, options: { json?: boolean }) =>
      change(context, name, value, options),
    );
  config
    .command("unset <name>")
    .description("take a setting out of moorage.toml: its default is in force again")
    .option("--json", "print JSON (sizes in bytes, durations in milliseconds)")
    .action((name: string, options: { json?: boolean }) => change(context, name, null, options));
}

const EXAMPLES = `
Examples:
  moorage config set limits.max_sessions 500
  moorage config set quota.default 20GB
  moorage config set access.deny 192.0.2.66,2001:db8::/32    a list

All names and values: docs/configuration.md, or \`moorage config check\`.
`;

async function change(
  context: CommandContext,
  name: string,
  value: string | null,
  options: { json?: boolean },
): Promise<void> {
  // Loaded here: a check needs neither a server nor a database.
  const { changeByCommand } = await import("../setting-change.ts");
  await changeByCommand(context, name, value, options);
}

async function check({ io, root }: CommandContext, options: { json?: boolean }): Promise<void> {
  const settings = readSettings({ root: root(), env: io.env });
  if (options.json) {
    const config = toConfig(settings);
    io.out(json({ ...config, store: { ...config.store, url: withoutPassword(config.store.url) } }));
    return;
  }
  const columns = [{ title: "SETTING" }, { title: "VALUE" }, { title: "FROM" }];
  const rows = settings.map(({ named, value, origin }) => [
    named.name,
    named.setting.format(value) || '""',
    origin,
  ]);
  io.out(table(io, columns, rows));
}
