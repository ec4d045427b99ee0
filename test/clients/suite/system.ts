import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A directory that scripts/clients-from.sh made: its bin/ comes first in the PATH (vitest.config.ts
 * sees to that) and starts the clients of the system in its root/ in place of this machine's.
 */
const FROM = process.env.CLIENTS_FROM;

/** The distribution's own, whatever else is called so: its modules are for it alone. */
export const PYTHON = FROM === undefined ? "/usr/bin/python3" : join(FROM, "bin/python3");

/** The name of the distribution that the clients are of, such as "Debian GNU/Linux 12 (bookworm)". */
export function systemOfClients(): string {
  const file = join(FROM === undefined ? "/" : join(FROM, "root"), "etc/os-release");
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(text)?.[1] ?? "a system that doesn't tell its name";
}
