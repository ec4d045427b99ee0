import type { Command } from "commander";
import { check as checkInstance } from "../../check/check.ts";
import type { Finding, Level } from "../../check/finding.ts";
import { EXIT } from "../../control/errors.ts";
import { requireInstance } from "../../control/instance.ts";
import { recover, recoverHome } from "../../quota/recover.ts";
import { count } from "../../text/figures.ts";
import { visible } from "../../text/safe.ts";
import { Evidence } from "../../vfs/evidence.ts";
import type { CommandContext } from "../context.ts";
import { openInstance } from "../database.ts";
import { json, paint } from "../format.ts";
import type { Io } from "../io.ts";
import { ProgressLine } from "../progress-line.ts";

interface CheckFlags {
  readonly homes?: boolean;
  readonly json?: boolean;
}

export function addCheckCommand(program: Command, context: CommandContext): void {
  program
    .command("check")
    .description("look for what is wrong with the instance, also while the server runs")
    .option("--homes", "count all homes and compare them with the books")
    .option("--json", "print JSON")
    .action((flags: CheckFlags) => check(context, flags));
}

async function check(context: CommandContext, flags: CheckFlags): Promise<void> {
  const { io } = context;
  const root = context.root();
  requireInstance(root);
  const line = new ProgressLine(io);
  const findings = await checkInstance({
    ...{ root, env: io.env, homes: flags.homes === true },
    open: (options) => openInstance({ root, env: io.env }, "command", options),
    onCounted: (done, of) => line.show(() => `${done} of ${count(of, "home")} counted …`),
    settle: async (store) => {
      const evidence = new Evidence(store.ledger);
      store.ledger.setWitness(evidence);
      store.leases.onDead((home) => recoverHome(store, evidence, home));
      await recover(store, evidence);
    },
  });
  line.clear();
  const of = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const [errors, warnings] = [of("error"), of("warning")];
  if (errors > 0) context.exitCode = EXIT.failed;
  if (flags.json) io.out(json({ ok: errors === 0, errors, warnings, findings }));
  else
    io.out(`${findings.map((finding) => lines(io, finding)).join("")}${summary(errors, warnings)}`);
}

const COLOURS = { ok: "green", warning: "yellow", error: "red" } as const;
const LEVEL_COLUMNS = "warning".length;
const AREA_COLUMNS = "descriptors".length;

function lines(io: Io, { area, level, text, todo }: Finding): string {
  const start = `${paint(io, COLOURS[level], level.padEnd(LEVEL_COLUMNS))}  ${area.padEnd(AREA_COLUMNS)}`;
  const indent = " ".repeat(LEVEL_COLUMNS + AREA_COLUMNS + 4);
  const second = todo === "" ? "" : `${indent}${visible(todo)}\n`;
  return `${start}  ${visible(text)}\n${second}`;
}

function summary(errors: number, warnings: number): string {
  if (errors + warnings === 0) return "Nothing is wrong.\n";
  return `${count(errors, "error")}, ${count(warnings, "warning")}.\n`;
}
