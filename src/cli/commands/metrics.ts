import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { withControl } from "./sessions.ts";

export function addMetricsCommand(program: Command, context: CommandContext): void {
  program
    .command("metrics")
    .description("print the server's figures once, as Prometheus reads them (metrics.listen)")
    .action(() => metrics(context));
}

async function metrics(context: CommandContext): Promise<void> {
  const { text } = await withControl(context, (control) => control.call("metrics", {}));
  context.io.out(text);
}
