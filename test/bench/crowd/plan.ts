import { parseArgs } from "node:util";
import { parseSize } from "../../../src/text/units.ts";

export const CROWD_USAGE = `usage: npm run bench -- crowd [options]

What many at once get of this server and of OpenSSH's, in turn, each going first now and then.

  --rounds N        measured runs of each server, 5
  --only LIST       of latency, stat, files, streams, logins, idle
  --size SIZE       the large file, 256MiB: of one stream, and of what latency is measured beside
  --files N         the small files, 4000
  --streams N       transfers at once, 8
  --gets N          gets of 1 KiB in one run, 500; STATs are four times as many
  --logins N        logins in one run, 80
  --idle N          idle sessions, 400
  --workers N       processes of this server that serve, as the setting says; its default
  --json            all samples instead of the table
`;

export const KINDS = ["latency", "stat", "files", "streams", "logins", "idle"] as const;
export type Kind = (typeof KINDS)[number];

export interface CrowdPlan {
  readonly rounds: number;
  readonly kinds: readonly Kind[];
  /** bytes of the large file */
  readonly size: number;
  readonly files: number;
  readonly streams: number;
  readonly gets: number;
  readonly logins: number;
  readonly idle: number;
  /** undefined: as many as the server has by itself */
  readonly workers: string | undefined;
  readonly json: boolean;
}

/** The options that are numbers, with the most each may be: no run is without an end. */
const MOST = {
  rounds: 100,
  files: 20_000,
  streams: 16,
  gets: 100_000,
  logins: 10_000,
  idle: 5_000,
} as const;

const OPTIONS = {
  rounds: { type: "string", default: "5" },
  only: { type: "string", default: KINDS.join(",") },
  size: { type: "string", default: "256MiB" },
  files: { type: "string", default: "4000" },
  streams: { type: "string", default: "8" },
  gets: { type: "string", default: "500" },
  logins: { type: "string", default: "80" },
  idle: { type: "string", default: "400" },
  workers: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

/** @throws Error that says which option is wrong */
export function parseCrowdPlan(args: readonly string[]): CrowdPlan {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const whole = (name: keyof typeof MOST): number => {
    const number = Number(values[name]);
    if (Number.isInteger(number) && number >= 1 && number <= MOST[name]) return number;
    throw new Error(`--${name}: a number from 1 to ${MOST[name]}`);
  };
  const size = parseSize(values.size);
  if (size < 1) throw new Error("--size: at least one byte");
  return {
    rounds: whole("rounds"),
    kinds: kindsOf(values.only),
    size,
    files: whole("files"),
    streams: whole("streams"),
    gets: whole("gets"),
    logins: whole("logins"),
    idle: whole("idle"),
    workers: values.workers,
    json: values.json,
  };
}

function kindsOf(list: string): Kind[] {
  const names = new Set<string>(list.split(","));
  const kinds = KINDS.filter((kind) => names.has(kind));
  if (kinds.length !== names.size) throw new Error(`--only: ${KINDS.join(", ")}`);
  return kinds;
}
