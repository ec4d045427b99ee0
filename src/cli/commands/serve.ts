import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Logger } from "pino";
import { readSettings, toConfig } from "../../config/load.ts";
import { ALL_SETTINGS, type NamedSetting } from "../../config/settings.ts";
import type { Config } from "../../config/types.ts";
import { emptyTrash } from "../../control/homes.ts";
import { prepareInstance } from "../../control/instance.ts";
import { STOP_GRACE_MS } from "../../control/stop-order.ts";
import { closeLog } from "../../log.ts";
import type { Serving } from "../../server/serving.ts";
import type { ServerOptions } from "../../server.ts";
import type { Store } from "../../store/store.ts";
import { VERSION } from "../../version.ts";
import { workersOf } from "../../workers/share.ts";
import type { WorkerProgram } from "../../workers/worker-process.ts";
import { BACKGROUND_FLAG } from "../background.ts";
import { type CommandContext, requirePlace } from "../context.ts";
import { openInstance } from "../database.ts";
import { startDetached } from "../detached.ts";
import { firstLines, flagsOfFirstLog, isOnTerminal } from "../first-start.ts";
import { paint } from "../format.ts";
import { flowed, laidOut } from "../layout.ts";
import { listenFirst } from "../listen-first.ts";
import { PidFile } from "../pid-file.ts";
import { startError } from "../report.ts";
import { endByForce, keepRunning, openLog } from "../server-process.ts";
import { onHangup, stopSignal } from "../signals.ts";
import { serveAsWorker, WORKER_FLAG, workerProgram } from "../worker.ts";

const NO_NATIVE_CIPHERS =
  "No native ciphers: transfers take more of the processor. Install python3, make and g++, then npm ci.";

const STOPPING = `Stopping: transfers that are under way get ${STOP_GRACE_MS / 1000} seconds. Ctrl-C again ends it at once.`;
const STOPPED = "Stopped.";

const EXAMPLES = `
Examples:
  moorage serve                                   the instance in this directory, port 2222
  moorage --root /srv/moorage serve --port 22
  moorage serve --limits-max-sessions 500 --log-level debug
  moorage serve --detach                          in the background, log in db/moorage.log

Where there is no instance the start makes one: in a directory that --root or MOORAGE_ROOT names, that
has a moorage.toml, or that is empty.

Every setting can also stand in moorage.toml or in a variable MOORAGE_…: --limits-max-sessions is
max_sessions in the table [limits], and MOORAGE_LIMITS_MAX_SESSIONS. Flags win over variables, and
variables over the file. \`moorage config check\` shows what is in force.
`;

export function addServeCommand(program: Command, context: CommandContext): void {
  const command = program
    .command("serve")
    .description("run the server; the first start makes an account `admin`")
    .option("--detach", "run in the background: returns when the server listens")
    .addOption(new Option(BACKGROUND_FLAG).hideHelp())
    .addOption(new Option(WORKER_FLAG).hideHelp())
    .addHelpText("after", EXAMPLES);
  const flags = new Map<string, string>();
  for (const named of ALL_SETTINGS) {
    for (const option of optionsOf(named)) {
      command.addOption(option);
      flags.set(option.attributeName(), option.long ?? "");
    }
  }
  command.action((options: ServeOptions) => {
    const { detach, background = false, worker = false, ...settings } = options;
    const given = Object.entries(settings).map(([key, value]) => [flags.get(key) ?? key, value]);
    if (detach) return detached(context, Object.fromEntries(given));
    if (worker) return serveAsWorker(context, Object.fromEntries(given));
    return serve(context, Object.fromEntries(given), background);
  });
}

/** Settings by name of the flag, and what is no setting. */
type ServeOptions = { detach?: true; background?: true; worker?: true } & Record<string, string>;

/** Starts the server into the background; settings that are wrong are told before. */
async function detached(context: CommandContext, flags: Record<string, string>): Promise<void> {
  requirePlace(context, { emptyIsEnough: true });
  const root = context.root();
  const args = Object.entries(flags).map(([flag, value]) => `${flag}=${value}`);
  context.exitCode = await startDetached(context.io, root, context.io.env, args);
}

function optionsOf({ flag, shortFlag, section, setting }: NamedSetting): Option[] {
  const value = setting.format(setting.default);
  const text = value === "" ? setting.description : `${setting.description} [${value}]`;
  const long = new Option(`${flag} <value>`, text).helpGroup(`Settings [${section}]:`);
  if (shortFlag === undefined) return [long];
  return [new Option(`${shortFlag} <value>`, `short for ${flag}`), long];
}

async function serve(
  context: CommandContext,
  given: Record<string, string>,
  background: boolean,
): Promise<void> {
  requirePlace(context, { emptyIsEnough: true });
  const root = context.root();
  const env = context.io.env;
  const before = toConfig(readSettings({ root, env, flags: given }));
  const { socket, closed } = await listenFirst(root, before, isSupervised(before));
  prepareInstance(root);
  const running: Running = { stop: stopSignal() };
  // From here on a terminal that goes away ends nothing.
  onHangup(() => void reload(running));
  const store = await openInstance({ root, env, settings: before.store }, "server");
  try {
    const quiet = await flagsOfFirstLog(context.io, root, before, store);
    const flags = { ...given, ...quiet };
    const read = (file?: string) => readSettings({ root, env, flags, file });
    const program = workerProgram(root, env, flags);
    const options = { root, config: toConfig(read()), store, socket, readSettings: read };
    await serveWithLog(context, options, { running, program, background, closed });
  } finally {
    await store.close();
  }
}

/** What signals act on. */
interface Running {
  readonly stop: ReturnType<typeof stopSignal>;
  server?: Serving;
  log?: Logger;
}

interface Start {
  readonly running: Running;
  readonly program: WorkerProgram;
  readonly background: boolean;
  /** what was open to others until this start */
  readonly closed: readonly string[];
}

async function serveWithLog(
  context: CommandContext,
  options: Omit<ServerOptions, "log">,
  { running, program, background, closed }: Start,
): Promise<void> {
  const { root, config, store } = options;
  const log = openLog(config, root);
  running.log = log;
  keepRunning(log);
  for (const what of closed) log.warn({ what }, "closed to others");
  let pidFile: PidFile | undefined;
  try {
    if (background) pidFile = await claimPidFile(root, store);
    const server = await unlessStopped(running.stop, start({ ...options, log }, program));
    const say = sayOutOfLog(context.io, config);
    if (server === undefined) return say(STOPPED);
    running.server = server;
    await announce(context, server, options);
    context.io.listening?.();
    const signal = await Promise.race([running.stop, server.stopped]);
    if (signal !== undefined) {
      log.info({ signal }, "stopping");
      // The terminal has just shown "^C", so the text begins a new line.
      say(signal === "SIGINT" ? `\n${STOPPING}` : STOPPING);
    }
    if (!(await server.stop())) await endByForce(log, store, pidFile);
    say(STOPPED);
  } finally {
    pidFile?.remove();
    await closeLog(log);
  }
}

/** A function that says on the terminal what otherwise only the log, in a file, would say. */
function sayOutOfLog(io: CommandContext["io"], { log }: Config): (text: string) => void {
  if (log.file === "" || !isOnTerminal(io)) return () => {};
  return (text) => io.out(`${laidOut(text, io.columns)}\n`);
}

/** A signal that comes as it starts ends the workers, too: that is a stop, and no failure. */
async function unlessStopped<T>(stop: Promise<unknown>, starting: Promise<T>) {
  let isStopped = false;
  void stop.then(() => {
    isStopped = true;
  });
  try {
    return await starting;
  } catch (thrown) {
    // What the signal did is told in a later turn than what it led to.
    await turn();
    if (isStopped) return undefined;
    throw thrown;
  }
}

function claimPidFile(root: string, store: Store): Promise<PidFile> {
  return PidFile.claim(root, async (pid) => {
    const nodes = await store.nodes.list();
    return nodes.some(
      (node) => node.kind === "server" && node.alive && node.isHere && node.pid === pid,
    );
  });
}

/** What was asked for by SIGHUP. Settings that are wrong change nothing. */
async function reload({ server, log }: Running): Promise<void> {
  const control = server?.control("SIGHUP");
  try {
    await control?.call("reload", {});
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : "unknown";
    log?.error({ error }, "settings not read again");
  } finally {
    control?.close();
  }
}

async function start(options: ServerOptions, program: WorkerProgram): Promise<Serving> {
  const { root, config, store, log } = options;
  emptyTrash(root).catch((err) => log.warn({ err }, "the trash in homes/ could not be emptied"));
  try {
    const workers = workersOf(config);
    // Loaded here, so that the other commands don't wait for what only the server needs.
    if (!isSupervised(config)) return await (await import("../../server.ts")).startServer(options);
    const { startSupervisor } = await import("../../server/supervisor.ts");
    return await startSupervisor({ ...options, workers, program });
  } catch (thrown) {
    throw startError(thrown, config.server, await ownServerAt(store, config.server.port));
  }
}

/** Where other machines may take over from a process, somebody has to start another one. */
function isSupervised(config: Config): boolean {
  return workersOf(config) > 1 || config.store.url !== "";
}

/** The process of this instance that listens on that port. */
async function ownServerAt(store: Store, port: number): Promise<number | undefined> {
  const nodes = await store.nodes.list();
  return nodes.find(({ alive, isHere, listen }) => alive && isHere && listen.endsWith(`:${port}`))
    ?.pid;
}

async function announce(
  context: CommandContext,
  server: Serving,
  { root, config, store }: Pick<ServerOptions, "root" | "config" | "store">,
): Promise<void> {
  const { io } = context;
  const { host, port } = server.address;
  // Made only now that the server listens: a start that fails would lose the password.
  const first = await firstLines(io, root, config, store, server.address);
  const lines = [
    paint(
      io,
      "bold",
      `Moorage ${VERSION} listens on ${host.includes(":") ? `[${host}]` : host}:${port}`,
    ),
    `Instance: ${root}`,
    ...(config.log.file === "" ? [] : [`Log: ${join(root, config.log.file)}`]),
    "Host keys:",
    ...server.fingerprints.map(({ algorithm, sha256 }) => `  ${algorithm.padEnd(19)} ${sha256}`),
    `Users: ${await store.users.count()}`,
  ];
  if (!server.nativeCiphers) lines.push(...flowed(NO_NATIVE_CIPHERS, io.columns));
  io.out(`${[...lines, ...first].join("\n")}\n`);
}
