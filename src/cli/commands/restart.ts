import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { loadConfig } from "../../config/load.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import { instanceExists, noServer } from "../../control/instance.ts";
import { reach } from "../../control/machines.ts";
import { chosenServers, stopServers } from "../../control/stop-servers.ts";
import type { StoreNode } from "../../store/nodes.ts";
import type { Store } from "../../store/store.ts";
import { BACKGROUND_FLAG } from "../background.ts";
import { type CommandContext, withStore } from "../context.ts";
import { startDetached } from "../detached.ts";
import { readPidFile } from "../pid-file.ts";
import { type WhichOptions, whichOf, whichOptions } from "./nodes.ts";
import { pidText, timeOption } from "./status.ts";

const PROGRESS_MS = 2_000;
const STOP_TIMEOUT_MS = 60_000;

/** of the variables with settings */
const PREFIX = "MOORAGE_";

export function addRestartCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("restart")
    .description("stop the server and start it again, as `serve --detach` was started")
    .addOption(
      timeOption(
        "--drain <time>",
        "replace only the workers: new ones start beside the old, which end with their sessions, or after this time, such as 10m",
      ),
    );
  for (const option of whichOptions()) command.addOption(option);
  command.action(({ drain, ...which }: RestartOptions) => {
    if (drain !== undefined) return renew(context, drain, which);
    if (which.node === undefined && !which.all) return restart(context);
    const only = "--node and --all are for --drain: a server is started again on its own machine";
    throw new ControlError(only, EXIT.usage);
  });
}

interface RestartOptions extends WhichOptions {
  /** in milliseconds */
  readonly drain?: number;
}

/** New workers of each server, with the program as it is now; the servers themselves go on. */
async function renew(context: CommandContext, drainMs: number, which: WhichOptions): Promise<void> {
  const root = context.root();
  const none = new ControlError(noServer(root), EXIT.notRunning);
  if (!instanceExists(root)) throw none;
  const work = async (store: Store): Promise<void> => {
    const servers = await chosenServers(store, whichOf(which));
    if (servers.length === 0) throw none;
    for (const server of servers) {
      const control = await reach({ root, store }, server);
      try {
        await control.call("renew", { drainMs });
      } finally {
        control.close();
      }
      const pid = pidText(server);
      context.io.out(`New workers serve (pid ${pid}); the old ones end with their sessions.\n`);
    }
  };
  await withStore(context, work, { withoutHomes: true });
}

async function restart(context: CommandContext): Promise<void> {
  const root = context.root();
  const none = `no server runs on ${root}: start one with \`moorage serve --detach\``;
  if (!instanceExists(root)) throw new ControlError(noServer(root), EXIT.notRunning);
  const start = await withStore(context, async (store) => {
    const servers = await chosenServers(store, "here");
    if (servers.length === 0) throw new ControlError(none, EXIT.notRunning);
    const start = startOf(root, servers);
    // Settings that the new server would refuse must not end the one that runs.
    loadConfig({ root, env: environmentOf(context, start) });
    const onWait = (pids: readonly number[]) =>
      context.io.err(`waiting for transfers to end (pid ${pids.join(", ")}) …\n`);
    await stopServers(store, { onWait, progressMs: PROGRESS_MS, timeoutMs: STOP_TIMEOUT_MS });
    return start;
  });
  const env = environmentOf(context, start);
  context.exitCode = await startDetached(context.io, root, env, start.args);
}

/** This program's own environment, with the settings of the one that is restarted. */
function environmentOf({ io }: CommandContext, start: Started): Record<string, string | undefined> {
  const own = Object.entries(io.env).filter(([name]) => !name.startsWith(PREFIX));
  return { ...Object.fromEntries(own), ...start.env };
}

interface Started {
  /** flags of `serve` */
  readonly args: readonly string[];
  /** variables with settings */
  readonly env: Readonly<Record<string, string>>;
}

/** How the one server in the background was started; others are not this command's to start. */
function startOf(root: string, servers: readonly StoreNode[]): Started {
  const background = readPidFile(root);
  const other = servers.find(({ pid }) => pid !== background);
  if (other !== undefined) throw new ControlError(elsewhere(other.pid));
  const [pid = 0] = servers.map((server) => server.pid);
  const args = processTexts(pid, "cmdline");
  const settings = environment(pid).filter(([name]) => name.startsWith(PREFIX));
  return {
    args: args.slice(args.indexOf(BACKGROUND_FLAG) + 1),
    env: Object.fromEntries(settings),
  };
}

function elsewhere(pid: number): string {
  const started = Object.fromEntries(environment(pid));
  // systemd.exec(5): the main process of a unit finds its own number there.
  if (started.SYSTEMD_EXEC_PID === `${pid}`) {
    const unit = unitOf(pid) ?? "its unit";
    return `the server (pid ${pid}) is run by systemd: use \`systemctl restart ${unit}\``;
  }
  return `the server (pid ${pid}) was not started by \`serve --detach\`: restart it where it was started, such as its terminal, its service manager or its container`;
}

/** The last part of the control group's name, proc_pid_cgroup(5). */
function unitOf(pid: number): string | undefined {
  return /\/([^/\n]+\.service)$/m.exec(readProcess(pid, "cgroup"))?.[1];
}

function environment(pid: number): [name: string, value: string][] {
  return processTexts(pid, "environ").map((text) => {
    const at = text.indexOf("=");
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

function processTexts(pid: number, file: "cmdline" | "environ"): string[] {
  return readProcess(pid, file).split("\0").slice(0, -1);
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    throw new ControlError(
      `can't look at the server (pid ${pid}): run this as the user that started it (root, if server.user is set)`,
    );
  }
}
