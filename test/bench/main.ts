import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { parseSize } from "../../src/text/units.ts";
import { CHECKSUMS_USAGE, checksumsBenchmark, parseChecksumsPlan } from "./checksums.ts";
import { CLIENT_USAGE, clientBenchmark, parseClientPlan } from "./client-transfer.ts";
import { crowdBenchmark } from "./crowd/crowd.ts";
import { CROWD_USAGE, parseCrowdPlan } from "./crowd/plan.ts";
import { machinesBenchmark } from "./machines/machines.ts";
import { MACHINES_USAGE, parseMachinesPlan } from "./machines/plan.ts";
import { NODES_USAGE, nodesBenchmark, parseNodesPlan } from "./nodes.ts";
import { stopAll } from "./processes.ts";
import { summarize, table } from "./report.ts";
import { isKind, type Plan, transfer } from "./transfer.ts";
import type { Workspace } from "./workspace.ts";

const USAGE = `usage: npm run bench -- transfer [options]

Compares this server with OpenSSH's internal-sftp, in turn, with the stock sftp client.

  --pairs N         measured runs of each server, 5
  --size SIZE       the large file, 1GiB
  --ciphers LIST    aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr
  --only LIST       of get, put, small
  --json            all samples instead of the table

npm run bench -- client compares the client instead; npm run bench -- checksums measures what
checksums along with uploads cost and save; npm run bench -- nodes compares versions of Node.js;
npm run bench -- crowd compares what many at once get; npm run bench -- machines compares two nodes on
PostgreSQL with one on SQLite.
`;

const OPTIONS = {
  pairs: { type: "string", default: "5" },
  size: { type: "string", default: "1GiB" },
  ciphers: {
    type: "string",
    default: "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr",
  },
  only: { type: "string", default: "get,put,small" },
  json: { type: "boolean", default: false },
} as const;

class UsageError extends Error {}

function parse(args: string[]): { plan: Plan; json: boolean } {
  try {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    if (positionals.join(" ") !== "transfer")
      throw new Error(
        "which benchmark? There are: transfer, client, checksums, nodes, crowd, machines",
      );
    const pairs = Number(values.pairs);
    if (!Number.isInteger(pairs) || pairs < 1) throw new Error("--pairs: a number from 1 on");
    const kinds = values.only.split(",");
    if (!kinds.every(isKind)) throw new Error("--only: get, put, small");
    const plan = { pairs, size: parseSize(values.size), ciphers: values.ciphers.split(","), kinds };
    return { plan, json: values.json };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Ends what was started and removes what was made when the benchmark is interrupted. */
function cleanUpOnSignals(workspace: () => Workspace | undefined): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      void stopAll().then(() => {
        workspace()?.remove();
        process.exit(1);
      });
    });
  }
}

interface Other<Plan> {
  readonly usage: string;
  parse(args: readonly string[]): Plan;
  run(
    plan: Plan,
    progress: (text: string) => void,
    onWorkspace: (workspace: Workspace) => void,
  ): Promise<string>;
}

/** A benchmark with options and a table of its own. */
async function mainOther<Plan extends object>(
  other: Other<Plan>,
  args: readonly string[],
): Promise<void> {
  if (args.includes("--help")) {
    process.stdout.write(other.usage);
    return;
  }
  let plan: Plan;
  try {
    plan = other.parse(args);
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${other.usage}`);
  }
  let workspace: Workspace | undefined;
  cleanUpOnSignals(() => workspace);
  const output = await other.run(
    plan,
    (text) => process.stderr.write(`${text}\n`),
    (made) => {
      workspace = made;
    },
  );
  const json = "json" in plan && plan.json === true;
  process.stdout.write(json ? output : `${machine()}${output}`);
}

function machine(): string {
  return `\n${cpus()[0]?.model ?? ""}, ${cpus().length} cores\n\n`;
}

const CLIENT = { usage: CLIENT_USAGE, parse: parseClientPlan, run: clientBenchmark };
const CHECKSUMS = { usage: CHECKSUMS_USAGE, parse: parseChecksumsPlan, run: checksumsBenchmark };
const NODES = { usage: NODES_USAGE, parse: parseNodesPlan, run: nodesBenchmark };
const CROWD = { usage: CROWD_USAGE, parse: parseCrowdPlan, run: crowdBenchmark };
const MACHINES = { usage: MACHINES_USAGE, parse: parseMachinesPlan, run: machinesBenchmark };

async function main(): Promise<void> {
  const [name, ...args] = process.argv.slice(2);
  if (name === "client") return mainOther(CLIENT, args);
  if (name === "checksums") return mainOther(CHECKSUMS, args);
  if (name === "nodes") return mainOther(NODES, args);
  if (name === "crowd") return mainOther(CROWD, args);
  if (name === "machines") return mainOther(MACHINES, args);
  if (process.argv.includes("--help")) {
    process.stdout.write(USAGE);
    return;
  }
  const { plan, json } = parse(process.argv.slice(2));
  let workspace: Workspace | undefined;
  cleanUpOnSignals(() => workspace);
  const measured = await transfer(
    plan,
    (text) => process.stderr.write(`${text}\n`),
    (made) => {
      workspace = made;
    },
  );
  if (json) {
    const results = measured.series.map((series) => ({ ...summarize(series), ...series }));
    process.stdout.write(`${JSON.stringify({ plan, ...measured, series: results }, null, 2)}\n`);
    return;
  }
  process.stdout.write(`${machine()}${table(measured)}`);
}

try {
  await main();
} catch (error) {
  const usage = error instanceof UsageError;
  process.stderr.write(`bench: ${(error as Error).message}\n${usage ? `\n${USAGE}` : ""}`);
  process.exitCode = usage ? 2 : 1;
}
