import { hostname } from "node:os";
import { resolve } from "node:path";
import { loadStoreSettings } from "../config/load.ts";
import type { Config } from "../config/types.ts";
import { machineId } from "../processes.ts";
import { type OpenOptions, openStore, type Store } from "../store/store.ts";
import { VERSION } from "../version.ts";
import { keysAcrossMachines } from "../vfs/proc.ts";
import type { Io } from "./io.ts";

type NodeKind = Parameters<typeof openStore>[1];

/** Where the instance's database is, and what tells this machine from the others that use it. */
export function databaseOf(
  root: string,
  env: Io["env"],
  { url, passwordFile, lease }: Config["store"],
): Pick<OpenOptions, "database" | "machine"> {
  if (url === "") return {};
  const file = passwordFile === "" ? {} : { passwordFile: resolve(root, passwordFile) };
  return {
    database: { url, ...file, env },
    // Copies of a machine that runs have its boot's number, too.
    machine: { machine: `${machineId()}/${hostname()}`, host: hostname(), leaseMs: lease },
  };
}

/**
 * Opens the store of an instance where its settings say.
 * @param settings default: read anew
 * @throws ConfigError when they are wrong; what {@link openStore} throws (rejected)
 */
export async function openInstance(
  { root, env, settings }: { root: string; env: Io["env"]; settings?: Config["store"] },
  kind: NodeKind,
  options: OpenOptions = {},
): Promise<Store> {
  const place = databaseOf(root, env, settings ?? loadStoreSettings({ root, env }));
  if (place.database !== undefined) keysAcrossMachines();
  return openStore(root, kind, VERSION, { ...options, ...place });
}
