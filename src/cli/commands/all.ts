import type { Command } from "commander";
import type { CommandContext } from "../context.ts";

type AddCommands = (program: Command, context: CommandContext) => void;

/** Commands that are loaded together. */
export interface Registration {
  readonly names: readonly string[];
  load(): Promise<AddCommands>;
}

/** As the help lists them. Each is loaded when it is named: what all are made of takes long to load. */
export const REGISTRATIONS: readonly Registration[] = [
  { names: ["serve"], load: async () => (await import("./serve.ts")).addServeCommand },
  {
    names: ["status", "stop"],
    load: async () => (await import("./status.ts")).addStatusCommands,
  },
  { names: ["nodes"], load: async () => (await import("./nodes.ts")).addNodesCommand },
  { names: ["restart"], load: async () => (await import("./restart.ts")).addRestartCommand },
  { names: ["reload"], load: async () => (await import("./reload.ts")).addReloadCommand },
  { names: ["metrics"], load: async () => (await import("./metrics.ts")).addMetricsCommand },
  {
    names: ["sessions", "kick"],
    load: async () => (await import("./sessions.ts")).addSessionCommands,
  },
  {
    names: ["penalties", "ban", "unban"],
    load: async () => (await import("./bans.ts")).addBanCommands,
  },
  { names: ["logs"], load: async () => (await import("./logs.ts")).addLogsCommand },
  { names: ["events"], load: async () => (await import("./events.ts")).addEventCommands },
  { names: ["config"], load: async () => (await import("./config.ts")).addConfigCommands },
  { names: ["user"], load: async () => (await import("./user.ts")).addUserCommands },
  { names: ["ca"], load: async () => (await import("./ca.ts")).addCaCommands },
  { names: ["folder"], load: async () => (await import("./folder.ts")).addFolderCommands },
  { names: ["group"], load: async () => (await import("./group.ts")).addGroupCommands },
  { names: ["usage"], load: async () => (await import("./usage.ts")).addUsageCommand },
  { names: ["trash"], load: async () => (await import("./trash.ts")).addTrashCommand },
  { names: ["backup"], load: async () => (await import("./backup.ts")).addBackupCommand },
  { names: ["restore"], load: async () => (await import("./restore.ts")).addRestoreCommand },
  { names: ["store"], load: async () => (await import("./store.ts")).addStoreCommands },
  { names: ["check"], load: async () => (await import("./check.ts")).addCheckCommand },
  { names: ["connect"], load: async () => (await import("./connect.ts")).addConnectCommand },
  { names: ["put"], load: async () => (await import("./put.ts")).addPutCommand },
  { names: ["get"], load: async () => (await import("./get.ts")).addGetCommand },
  { names: ["sync"], load: async () => (await import("./sync.ts")).addSyncCommand },
  { names: ["admin"], load: async () => (await import("./admin.ts")).addAdminCommand },
  // It lists all the others, so it comes with them.
  { names: [], load: async () => (await import("./completion.ts")).addCompletionCommand },
];

/**
 * Adds the commands that a command line needs: the one it names, none for the version, otherwise all
 * (help, completion, and what has to be told from all names).
 * @param args without the program's name
 */
export async function addCommands(
  program: Command,
  context: CommandContext,
  args: readonly string[],
): Promise<void> {
  const first = firstWord(args);
  if (first === "--version") return;
  const named = REGISTRATIONS.find(({ names }) => names.includes(first ?? ""));
  const loaded = (named === undefined ? REGISTRATIONS : [named]).map(({ load }) => load());
  for (const add of await Promise.all(loaded)) add(program, context);
}

/** The first word behind --root, which may stand before a command. */
function firstWord(args: readonly string[]): string | undefined {
  let at = 0;
  while (args[at]?.startsWith("--root")) at += args[at] === "--root" ? 2 : 1;
  return args[at];
}
