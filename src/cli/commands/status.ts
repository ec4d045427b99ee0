import { type Command, InvalidArgumentError, Option } from "commander";
import { ControlError, EXIT } from "../../control/errors.ts";
import { instanceExists, noServer } from "../../control/instance.ts";
import { machineName } from "../../control/node-list.ts";
import { type InstanceStatus, instanceStatus, notRunning } from "../../control/nodes.ts";
import { stopServers } from "../../control/stop-servers.ts";
import type { StoreNode } from "../../store/nodes.ts";
import { count } from "../../text/figures.ts";
import { oneLine } from "../../text/safe.ts";
import { parseDuration, roundSize, UnitError } from "../../text/units.ts";
import { VERSION } from "../../version.ts";
import { type CommandContext, withStore } from "../context.ts";
import { json, paint, table } from "../format.ts";
import type { Io } from "../io.ts";
import { fitted } from "../layout.ts";
import { type WhichOptions, whichOf, whichOptions } from "./nodes.ts";

const PROGRESS_MS = 2_000;
const STOP_TIMEOUT_MS = 60_000;
const MAX_GRACE_MS = 86_400_000;

export function addStatusCommands(program: Command, context: CommandContext): void {
  program
    .command("status")
    .description("say whether the server runs: exit code 0 when it does, 3 when not")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => status(context, options));
  const stopping = program
    .command("stop")
    .description("stop the server and wait until it is gone; a second stop ends it at once")
    .addOption(graceOption());
  for (const option of whichOptions()) stopping.addOption(option);
  stopping.action((options: StopCommandOptions) => stop(context, options));
}

interface StopCommandOptions extends WhichOptions {
  /** in milliseconds */
  readonly grace?: number;
}

function graceOption(): Option {
  const text = "how long running transfers may take, such as 30s or 5m [8s]";
  return timeOption("--grace <time>", text);
}

/** At most a day; its value is in milliseconds. */
export function timeOption(flag: string, description: string): Option {
  return new Option(flag, description).argParser((text) => {
    try {
      const grace = parseDuration(text);
      if (grace <= MAX_GRACE_MS) return grace;
    } catch (thrown) {
      if (!(thrown instanceof UnitError)) throw thrown;
    }
    throw new InvalidArgumentError("Give a time such as 30s or 5m, at most 1d.");
  });
}

async function status(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const root = context.root();
  const found = instanceExists(root)
    ? await withStore(context, (store) => instanceStatus(store, VERSION, root), {
        withoutHomes: true,
      })
    : notRunning(VERSION);
  context.io.out(options.json ? json(found) : statusText(context, found));
  if (!found.running) context.exitCode = EXIT.notRunning;
}

function statusText({ io, root }: CommandContext, found: InstanceStatus): string {
  if (found.nodes.length === 0) {
    const none = noServer(root()).replace(/^n/, "N");
    return fitted(`${none}.\n`, io.columns);
  }
  const several = found.nodes.some(({ machine }) => machine !== undefined);
  const columns = [
    ...(several ? [{ title: "MACHINE" }] : []),
    { title: "PID", right: true },
    { title: "LISTENS ON" },
    { title: "SESSIONS", right: true },
    { title: "UP", right: true },
    { title: "DELAY", right: true },
    { title: "VERSION" },
  ];
  const rows = found.nodes.map((node) => [
    ...(several ? [node.machine ?? ""] : []),
    `${node.pid}`,
    node.listen || "(starting)",
    `${node.sessions}`,
    uptimeText(node.uptimeSeconds),
    node.loopDelay === null ? "" : `${Math.round(node.loopDelay.p99Ms)} ms`,
    node.version,
  ]);
  const waiting = found.waiting > 0 ? `${found.waiting} logins wait for a free place.\n` : "";
  const texts = [waiting, workersText(found), diskText(io, found), eventsText(io, found)].join("");
  const headline = found.running
    ? paint(io, "green", "Running.")
    : paint(io, "yellow", "No server runs on this machine; on others:");
  return `${headline}\n${table(io, columns, rows)}${texts}`;
}

/** Nothing where a server is one process. */
function workersText({ nodes, workers }: InstanceStatus): string {
  if (workers.length <= nodes.length) return "";
  const each = workers.map(({ pid, sessions, rssBytes, machine }) => {
    const memory = rssBytes === null ? [] : [roundSize(rssBytes)];
    const about = [count(sessions, "session"), ...memory].join(", ");
    const where = rssBytes === null && machine !== undefined ? ` on ${machine}` : "";
    return `${pid}${where} (${about})`;
  });
  return `Workers: ${each.join(", ")}\n`;
}

function diskText(io: Io, { disk }: InstanceStatus): string {
  if (!disk?.full) return "";
  const text = `The disk is full: new data is refused (${roundSize(disk.freeBytes)} of ${roundSize(disk.totalBytes)} free).`;
  return `${paint(io, "red", text)}\n`;
}

function eventsText(io: Io, { failingReceivers }: InstanceStatus): string {
  const lines = failingReceivers.map(({ name, queued, lastError }) => {
    const text = `Receiver of events ${name} fails: ${oneLine(lastError)}; ${count(queued, "event")} waiting.`;
    return `${paint(io, "red", text)}\n`;
  });
  return lines.join("");
}

function uptimeText(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h ${minutes % 60}m` : `${Math.floor(hours / 24)}d ${hours % 24}h`;
}

async function stop(context: CommandContext, options: StopCommandOptions): Promise<void> {
  const { grace, ...which } = options;
  const root = context.root();
  const onWait = (pids: readonly number[], transfers: number) => {
    const files = transfers === 1 ? "1 file is" : `${transfers} files are`;
    const open = transfers === 0 ? "" : `: ${files} still open`;
    context.io.err(`waiting for transfers to end (pid ${pids.join(", ")})${open} …\n`);
  };
  const how = {
    ...{ root, onWait, progressMs: PROGRESS_MS, timeoutMs: STOP_TIMEOUT_MS + (grace ?? 0) },
    ...(grace !== undefined && { graceMs: grace }),
    which: whichOf(which),
  };
  const stopped = instanceExists(root)
    ? await withStore(context, (store) => stopServers(store, how), { withoutHomes: true })
    : [];
  if (stopped.length === 0) throw new ControlError(noServer(root), EXIT.notRunning);
  context.io.out(`Stopped (pid ${stopped.map(pidText).join(", ")}).\n`);
}

/** A process's number says which it is on its own machine only. */
export function pidText(node: StoreNode): string {
  return node.isHere ? `${node.pid}` : `${node.pid} on ${machineName(node)}`;
}
