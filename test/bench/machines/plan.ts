import { parseArgs } from "node:util";
import { parseSize } from "../../../src/text/units.ts";

export const MACHINES_USAGE = `usage: npm run bench -- machines [options]

Two nodes of one instance, with its books in PostgreSQL, against one node on SQLite, in turn. All run
on this machine: what is measured is the way to the database, not its disk or a network.

  --rounds N        measured runs of each, 5
  --only LIST       of files, bulk, logins, trips, failover
  --size SIZE       the large file, 256MiB
  --files N         the small files, 2000
  --logins N        logins in one run, 60
  --workers N       processes that serve, of each node, 1
  --fsync           PostgreSQL waits for its disk at each commit, which SQLite never does
  --json            all samples instead of the tables
`;

export const MACHINES_KINDS = ["files", "bulk", "logins", "trips", "failover"] as const;
export type MachinesKind = (typeof MACHINES_KINDS)[number];

export interface MachinesPlan {
  readonly rounds: number;
  readonly kinds: readonly MachinesKind[];
  /** bytes of the large file */
  readonly size: number;
  readonly files: number;
  readonly logins: number;
  readonly workers: number;
  readonly fsync: boolean;
  readonly json: boolean;
}

/** The options that are numbers, with the most each may be: no run is without an end. */
const MOST = { rounds: 100, files: 20_000, logins: 10_000, workers: 64 } as const;

const OPTIONS = {
  rounds: { type: "string", default: "5" },
  only: { type: "string", default: MACHINES_KINDS.join(",") },
  size: { type: "string", default: "256MiB" },
  files: { type: "string", default: "2000" },
  logins: { type: "string", default: "60" },
  workers: { type: "string", default: "1" },
  fsync: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** @throws Error that says which option is wrong */
export function parseMachinesPlan(args: readonly string[]): MachinesPlan {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const whole = (name: keyof typeof MOST): number => {
    const number = Number(values[name]);
    if (Number.isInteger(number) && number >= 1 && number <= MOST[name]) return number;
    throw new Error(`--${name}: a number from 1 to ${MOST[name]}`);
  };
  const names = new Set<string>(values.only.split(","));
  const kinds = MACHINES_KINDS.filter((kind) => names.has(kind));
  if (kinds.length !== names.size) throw new Error(`--only: ${MACHINES_KINDS.join(", ")}`);
  const size = parseSize(values.size);
  if (size < 1) throw new Error("--size: at least one byte");
  return {
    rounds: whole("rounds"),
    kinds,
    size,
    files: whole("files"),
    logins: whole("logins"),
    workers: whole("workers"),
    fsync: values.fsync,
    json: values.json,
  };
}
