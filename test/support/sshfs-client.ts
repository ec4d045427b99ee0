import { fileURLToPath } from "node:url";
import type { Client, Outcome, Space } from "../clients/suite/client.ts";
import { start, version } from "../clients/suite/program.ts";
import { PYTHON } from "../clients/suite/system.ts";

const OPERATIONS = fileURLToPath(new URL("sshfs-ops.py", import.meta.url));

function json(outcome: Outcome): unknown {
  return JSON.parse(outcome.stdout.toString().trim().split("\n").at(-1) ?? "");
}

/** A mount with the machine's own programs: cp, mv, ln, rm, mkdir, chmod. */
export const sshfs: Client = {
  name: "sshfs",
  says: {
    wrongPassword: /Permission denied|Connection reset/,
    missing: /No such file/,
    denied: /Permission denied/,
    // sshfs has one error for all writes that fail.
    quota: /Input\/output error/,
    cut: /Input\/output error|Transport endpoint is not connected|Software caused connection abort/,
  },
  lacks: { checksum: "sshfs has no checksums: a program would read the file" },
  mounts: true,
  version: () => version("sshfs", ["--version"], /SSHFS version (\S+)/),
  start: (login, ops, { goOn = false } = {}) =>
    start(PYTHON, [OPERATIONS], login, { input: JSON.stringify({ login, ops, goOn }) }),
  names: (outcome) => (json(outcome) as { names: string[] }).names.map((name) => Buffer.from(name)),
  space: (outcome) => json(outcome) as Space,
};
