import { setImmediate as turn } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Logger } from "pino";
import { generatePassword } from "../../auth/generate.ts";
import { Passwords } from "../../auth/passwords.ts";
import { readSettings, toConfig } from "../../config/load.ts";
import { ALL_SETTINGS, type NamedSetting } from "../../config/settings.ts";
import type { Config } from "../../config/types.ts";
import { ControlError } from "../../control/errors.ts";
import { emptyTrash } from "../../control/homes.ts";
import { prepareInstance } from "../../control/instance.ts";
import { UserControl } from "../../control/users.ts";
import { closeLog } from "../../log.ts";
import type { Serving } from "../../server/serving.ts";
import type { ServerOptions } from "../../server.ts";
import { openStore, type Store } from "../../store/store.ts";
import { VERSION } from "../../version.ts";
import { workersOf } from "../../workers/share.ts";
import type { WorkerProgram } from "../../workers/worker-process.ts";
import { BACKGROUND_FLAG } from "../background.ts";
import type { CommandContext } from "../context.ts";
import { startDetached } from "../detached.ts";
import { paint } from "../format.ts";
import { listenFirst } from "../listen-first.ts";
import { PidFile } from "../pid-file.ts";
import { startError } from "../report.ts";
import { endByForce, keepRunning, openLog } from "../server-process.ts";
import { onHangup, stopSignal } from "../signals.ts";
import { serveAsWorker, WORKER_FLAG, workerProgram } from "../worker.ts";

const FIRST_ADMIN = "admin";

const NO_NATIVE_CIPHERS =
  "No native ciphers: transfers take more of the processor. Install python3, make and g++, then npm ci.";

const EXAMPLES = `
Examples:
  moorage serve                                   the instance in this directory, port 2222
  moorage --root /srv/moorage serve --port 22
  moorage serve --limits-max-sessions 500 --log-level debug
  moorage serve --detach                          in the background, log in db/moorage.log

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
  flags: Record<string, string>,
  background: boolean,
): Promise<void> {
  const root = context.root();
  const read = () => readSettings({ root, env: context.io.env, flags });
  const config = toConfig(read());
  const { socket, closed } = await listenFirst(root, config, workersOf(config) > 1);
  prepareInstance(root);
  const stop = stopSignal();
  let server: Serving | undefined;
  onHangup(() => void reload(server, log));
  const log = openLog(config, root);
  keepRunning(log);
  for (const what of closed) log.warn({ what }, "closed to others");
  try {
    const store = await openStore(root, "server", VERSION);
    const pidFile = background ? await claimPidFile(root, store) : undefined;
    try {
      const program = workerProgram(root, context.io.env, flags);
      server = await unlessStopped(
        stop,
        start({ root, config, store, log, socket, readSettings: read }, program),
      );
      if (server === undefined) return;
      await announce(context, server, config, store);
      context.io.listening?.();
      const signal = await Promise.race([stop, server.stopped]);
      if (signal !== undefined) log.info({ signal }, "stopping");
      if (!(await server.stop())) await endByForce(log, store, pidFile);
    } finally {
      pidFile?.remove();
      await store.close();
    }
  } finally {
    await closeLog(log);
  }
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

async function claimPidFile(root: string, store: Store): Promise<PidFile> {
  try {
    return await PidFile.claim(root, async (pid) => {
      const nodes = await store.nodes.list();
      return nodes.some((node) => node.kind === "server" && node.alive && node.pid === pid);
    });
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** What was asked for by SIGHUP. Settings that are wrong change nothing. */
async function reload(server: Serving | undefined, log: Logger): Promise<void> {
  const control = server?.control("SIGHUP");
  try {
    await control?.call("reload", {});
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown.message : "unknown";
    log.error({ error }, "settings not read again");
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
    if (workers === 1) return await (await import("../../server.ts")).startServer(options);
    const { startSupervisor } = await import("../../server/supervisor.ts");
    return await startSupervisor({ ...options, workers, program });
  } catch (thrown) {
    throw startError(thrown, config.server, await ownServerAt(store, config.server.port));
  }
}

/** The process of this instance that listens on that port. */
async function ownServerAt(store: Store, port: number): Promise<number | undefined> {
  const nodes = await store.nodes.list();
  return nodes.find(({ alive, listen }) => alive && listen.endsWith(`:${port}`))?.pid;
}

async function announce(
  context: CommandContext,
  server: Serving,
  config: Config,
  store: Store,
): Promise<void> {
  const { io } = context;
  const { host, port } = server.address;
  // Made only now that the server listens: a start that fails would lose the password.
  const password = await firstAdmin(context.root(), config, store);
  const users = await store.users.count();
  const lines = [
    paint(
      io,
      "bold",
      `Moorage ${VERSION} listens on ${host.includes(":") ? `[${host}]` : host}:${port}`,
    ),
    `Instance: ${context.root()}`,
    "Host keys:",
    ...server.fingerprints.map(({ algorithm, sha256 }) => `  ${algorithm.padEnd(19)} ${sha256}`),
    `Users: ${users}`,
  ];
  if (!server.nativeCiphers) lines.push(NO_NATIVE_CIPHERS);
  if (password !== undefined) {
    lines.push(
      "",
      `This is the first start: there is now an account ${FIRST_ADMIN} (role admin).`,
      `Its password, shown only this once: ${paint(io, "bold", password)}`,
      "Try it:",
      `  sftp -P ${port} ${FIRST_ADMIN}@${reachable(host)}`,
    );
  }
  io.out(`${lines.join("\n")}\n`);
}

/** A host to connect to, from the one listened on. */
function reachable(host: string): string {
  if (["0.0.0.0", "::", "127.0.0.1", "::1"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

/** The password of the account made because there was none at all. */
async function firstAdmin(root: string, config: Config, store: Store): Promise<string | undefined> {
  if ((await store.users.count()) > 0) return undefined;
  const password = generatePassword();
  const passwords = new Passwords(config.auth);
  const users = new UserControl({
    store,
    root,
    actor: "first start",
    rule: config.auth,
    quota: config.quota,
    hash: (text) => passwords.hash(text),
  });
  try {
    await users.add({
      name: FIRST_ADMIN,
      role: "admin",
      password,
    });
  } catch (thrown) {
    // Another process started at the same moment, and made and showed it.
    if (thrown instanceof ControlError && (await store.users.count()) > 0) return undefined;
    throw thrown;
  }
  return password;
}
