import { readSettings, toConfig } from "../config/load.ts";
import { prepareInstance } from "../control/instance.ts";
import {
  asUser,
  type Identity,
  refuseStrangersFiles,
  serverIdentity,
} from "../control/server-user.ts";
import { startInBackground } from "./background.ts";
import type { Io } from "./io.ts";
import { ownFiles } from "./own-files.ts";

const LOG_FLAG = "--log-file";

/**
 * Starts a server in the background.
 * @param args flags of `serve` with their values, such as "--port=22"
 * @returns the exit code
 * @throws ConfigError for settings that are wrong, ControlError for an instance that can't be used
 */
export async function startDetached(
  io: Io,
  root: string,
  env: Io["env"],
  args: readonly string[],
): Promise<number> {
  const flags = Object.fromEntries(args.map(split));
  const { log, server, store } = toConfig(readSettings({ root, env, flags }));
  const identity = serverIdentity(server);
  if (identity !== undefined) refuseStrangersFiles(root, identity);
  prepare(root, identity);
  if (log.file !== "") {
    return startInBackground(io, { root, args, env, identity, logFile: log.file });
  }
  // There is no terminal to log to.
  const others = args.filter((arg) => split(arg)[0] !== LOG_FLAG);
  const logFile = ownFiles(root, store.url !== "").log;
  const all = [...others, `${LOG_FLAG}=${logFile}`];
  return startInBackground(io, { root, args: all, env, identity, logFile });
}

/** What is made is the server's user's. */
function prepare(root: string, identity: Identity | undefined): void {
  if (identity === undefined) prepareInstance(root);
  else asUser(identity, () => prepareInstance(root));
}

function split(arg: string): [flag: string, value: string] {
  const at = arg.indexOf("=");
  return [arg.slice(0, at), arg.slice(at + 1)];
}
