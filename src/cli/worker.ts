import { fileURLToPath } from "node:url";
import type { Logger } from "pino";
import { readSettings, toConfig } from "../config/load.ts";
import { ControlError, EXIT } from "../control/errors.ts";
import { closeLog } from "../log.ts";
import type { RunningServer } from "../server.ts";
import type { Store } from "../store/store.ts";
import { SupervisorLine, sayFailed } from "../workers/line.ts";
import type { WorkerProgram } from "../workers/worker-process.ts";
import type { CommandContext } from "./context.ts";
import { openInstance } from "./database.ts";
import { leaveAtOnce } from "./leave.ts";
import { report } from "./report.ts";
import { endByForce, keepRunning, openLog } from "./server-process.ts";
import { onHangup, stopSignal } from "./signals.ts";

/** Tells `serve` that it is a worker; not for people. */
export const WORKER_FLAG = "--worker";

type Flags = Readonly<Record<string, string>>;

/** This program, as a worker with the same settings. @param flags of `serve` */
export function workerProgram(
  root: string,
  env: WorkerProgram["env"],
  flags: Flags,
): WorkerProgram {
  const given = Object.entries(flags).map(([flag, value]) => `${flag}=${value}`);
  return {
    file: fileURLToPath(new URL("../moorage.cjs", import.meta.url)),
    args: ["--root", root, "serve", WORKER_FLAG, ...given],
    env,
  };
}

/** Serves what the supervisor gives. Why it can't start is told to that one, who tells people. */
export async function serveAsWorker(context: CommandContext, flags: Flags): Promise<void> {
  if (process.send === undefined) {
    throw new ControlError("workers are started by their supervisor: use `moorage serve`");
  }
  try {
    await work(context, flags, await SupervisorLine.open());
  } catch (thrown) {
    let text = "";
    const err = (line: string): void => {
      text += line;
    };
    context.exitCode = report(thrown, { ...context.io, err });
    await sayFailed(text.trim().replace(/^moorage: /gm, ""));
  }
}

async function work(context: CommandContext, flags: Flags, line: SupervisorLine): Promise<void> {
  const root = context.root();
  const read = (file?: string) => readSettings({ root, env: context.io.env, flags, file });
  const config = toConfig(read());
  const signal = stopSignal();
  // A terminal that goes away tells all processes: the supervisor reads the settings for all.
  onHangup(() => {});
  const log = openLog(config, root);
  keepRunning(log);
  try {
    const { node: supervisor, workers } = line.facts;
    const place = { root, env: context.io.env, settings: config.store };
    const store = await openInstance(place, "server", { supervisor });
    try {
      const { startServer } = await import("../server.ts");
      const options = { root, config, store, log, readSettings: read, workers, supervisor: line };
      await serveUntilStopped(await startServer(options), line, signal, log, store);
    } finally {
      await store.close();
    }
  } finally {
    await closeLog(log);
  }
}

async function serveUntilStopped(
  server: RunningServer,
  line: SupervisorLine,
  signal: Promise<unknown>,
  log: Logger,
  store: Store,
): Promise<void> {
  const lost = line.lost.then(async () => {
    // Somebody ended the supervisor while it waited for this worker: then there is no more time.
    if (line.isEnding) await endByForce(log, store, undefined);
    log.error("the supervisor is gone: stopping");
  });
  const taken = server.lost?.then(() => true) ?? lost;
  if ((await Promise.race([signal, lost, server.stopped, taken])) === true) {
    await closeLog(log);
    // Its row is gone, and so is the right to write: there is nothing to take leave of.
    leaveAtOnce(EXIT.failed);
  }
  if (!(await server.stop())) await endByForce(log, store, undefined);
}
