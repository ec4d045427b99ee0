import type { Command } from "commander";
import { withAnyServer } from "../any-server.ts";
import type { CommandContext } from "../context.ts";
import { json, paint } from "../format.ts";

export function addReloadCommand(program: Command, context: CommandContext): void {
  program
    .command("reload")
    .description("let the server read moorage.toml again; says what needs a restart")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => reload(context, options));
}

async function reload(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { io } = context;
  const result = await withAnyServer(context, (control) => control.call("reload", {}));
  if (options.json) {
    io.out(json(result));
    return;
  }
  const { applied, needRestart } = result;
  io.out(applied.length === 0 ? "Nothing changed.\n" : `In force now: ${applied.join(", ")}\n`);
  if (needRestart.length === 0) return;
  io.out(`${paint(io, "yellow", "Needs a restart:")} ${needRestart.join(", ")}\n`);
}
