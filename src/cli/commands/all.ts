import type { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { addAdminCommand } from "./admin.ts";
import { addBackupCommand } from "./backup.ts";
import { addBanCommands } from "./bans.ts";
import { addCaCommands } from "./ca.ts";
import { addCheckCommand } from "./check.ts";
import { addCompletionCommand } from "./completion.ts";
import { addConfigCommands } from "./config.ts";
import { addEventCommands } from "./events.ts";
import { addFolderCommands } from "./folder.ts";
import { addGroupCommands } from "./group.ts";
import { addLogsCommand } from "./logs.ts";
import { addMetricsCommand } from "./metrics.ts";
import { addReloadCommand } from "./reload.ts";
import { addRestartCommand } from "./restart.ts";
import { addRestoreCommand } from "./restore.ts";
import { addServeCommand } from "./serve.ts";
import { addSessionCommands } from "./sessions.ts";
import { addStatusCommands } from "./status.ts";
import { addTrashCommand } from "./trash.ts";
import { addUsageCommand } from "./usage.ts";
import { addUserCommands } from "./user.ts";

/** What concerns the server and its instance. */
export function addServerCommands(program: Command, context: CommandContext): void {
  addServeCommand(program, context);
  addStatusCommands(program, context);
  addRestartCommand(program, context);
  addReloadCommand(program, context);
  addMetricsCommand(program, context);
  addSessionCommands(program, context);
  addBanCommands(program, context);
  addLogsCommand(program, context);
  addEventCommands(program, context);
  addConfigCommands(program, context);
  addUserCommands(program, context);
  addCaCommands(program, context);
  addFolderCommands(program, context);
  addGroupCommands(program, context);
  addUsageCommand(program, context);
  addTrashCommand(program, context);
  addBackupCommand(program, context);
  addRestoreCommand(program, context);
  addCheckCommand(program, context);
}

/** What the help lists last. */
export function addLastCommands(program: Command, context: CommandContext): void {
  addAdminCommand(program, context);
  addCompletionCommand(program, context);
}
