import type { Command } from "commander";
import { withoutPassword } from "../../config/database-url.ts";
import { readSettings, toConfig } from "../../config/load.ts";
import type { CommandContext } from "../context.ts";
import { json, table } from "../format.ts";

export function addConfigCommands(program: Command, context: CommandContext): void {
  const config = program.command("config").description("check the settings");
  config
    .command("check")
    .description("check moorage.toml and MOORAGE_… and print the settings in force")
    .option("--json", "print JSON (sizes in bytes, durations in milliseconds)")
    .action((options: { json?: boolean }) => check(context, options));
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
