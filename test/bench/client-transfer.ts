import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseSize } from "../../src/text/units.ts";
import { CIPHER, compare, sftp } from "./client.ts";
import { type Peer, startMoorage } from "./peers.ts";
import { run, stopAll } from "./processes.ts";
import { median } from "./report.ts";
import { makeWorkspace, SMALL_FILES, type Workspace } from "./workspace.ts";

export const CLIENT_USAGE = `usage: npm run bench -- client [options]

Compares this client with OpenSSH's sftp, in turn, on this server.

  --pairs N         measured runs of each client, 5
  --size SIZE       the file over the loopback interface, 1GiB
  --long-size SIZE  the file over the long line, 512MiB
  --delay MS        round trip of the long line, 100
  --only LIST       of get, put, small, long-get, long-put, get-verified, put-verified
`;

const SLOWEST = 4e6;

const KINDS = [
  "get",
  "put",
  "small",
  "long-get",
  "long-put",
  "get-verified",
  "put-verified",
] as const;
type Kind = (typeof KINDS)[number];

/** Times of OpenSSH's client that a run may take: the targets, as throughput against its. */
const TARGETS: Readonly<Partial<Record<Kind, number>>> = {
  get: 1.2,
  put: 1.2,
  "long-get": 3,
  "long-put": 3,
  small: 3,
  "get-verified": 0.9,
  "put-verified": 0.9,
};

interface Plan {
  readonly pairs: number;
  readonly size: number;
  readonly longSize: number;
  readonly delay: number;
  readonly kinds: readonly Kind[];
}

/** Seconds of one run, from the start of the client to its end, login included. */
type Step = (client: "moorage" | "openssh", kind: Kind) => Promise<number>;

const PROGRAM = fileURLToPath(new URL("../../src/moorage.cjs", import.meta.url));
const LONG_LINE = fileURLToPath(new URL("./long-line.js", import.meta.url));

export function parseClientPlan(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      pairs: { type: "string", default: "5" },
      size: { type: "string", default: "1GiB" },
      "long-size": { type: "string", default: "512MiB" },
      delay: { type: "string", default: "100" },
      only: { type: "string", default: KINDS.join(",") },
    },
  });
  const kinds = KINDS.filter((kind) => values.only.split(",").includes(kind));
  const [pairs, delay] = [Number(values.pairs), Number(values.delay)];
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error("--pairs: a number from 1 on");
  if (!(delay >= 0) || kinds.length === 0) throw new Error(`--only: ${KINDS.join(", ")}`);
  const size = parseSize(values.size);
  return { pairs, size, longSize: parseSize(values["long-size"]), delay, kinds };
}

/** Starts the long line's process; resolves to its port. */
async function startLine(
  port: number,
  delay: number,
): Promise<{ port: number; line: ChildProcess }> {
  const line = spawn(process.execPath, [LONG_LINE, String(port), String(delay / 2)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(line.stdout, "data")) as [Buffer];
  return { port: Number(text.toString()), line };
}

function writeConfig(workspace: Workspace): string {
  const file = join(workspace.root, "client_config");
  const lines = [
    `IdentityFile ${workspace.key}`,
    "IdentitiesOnly yes",
    "IdentityAgent none",
    `UserKnownHostsFile ${join(workspace.root, "known_hosts")}`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

/** One run of this client. Rejects when it fails. */
async function moorage(
  config: string,
  port: number,
  bytes: number,
  args: string[],
): Promise<number> {
  const login = ["-q", "-F", config, "-P", String(port), "--accept-new"];
  const [command = "", ...rest] = args;
  const all = [PROGRAM, command, ...login, ...rest];
  const { seconds, code, errors } = await run(process.execPath, all, "", 60 + bytes / SLOWEST);
  if (code !== 0) throw new Error(`moorage ${command} failed (${code}): ${errors.trim()}`);
  return seconds;
}

function steps(workspace: Workspace, peer: Peer, longPort: number, longFile: string): Step {
  const config = writeConfig(workspace);
  const got = join(workspace.down, "got");
  const stored = join(peer.home, "put");
  const clean = (): void => {
    for (const path of [got, stored]) rmSync(path, { recursive: true, force: true });
  };
  return async (client, kind) => {
    clean();
    const long = kind.startsWith("long");
    const up = kind.includes("put");
    const port = long ? longPort : peer.port;
    const bytes = long ? statSync(longFile).size : workspace.bytes;
    const near = long ? longFile : workspace.payload;
    const far = long ? "long" : "source";
    const small = kind === "small";
    const checks = kind.endsWith("verified") ? [] : ["--no-verify"];
    const host = `${peer.user}@127.0.0.1`;
    const from = small ? workspace.small : near;
    let seconds: number;
    if (client === "openssh") {
      const line = small ? `put -r ${from} put` : up ? `put ${near} put` : `get ${far} ${got}`;
      seconds = (await sftp({ ...peer, port }, workspace, CIPHER, [line])).seconds;
    } else {
      // What is in the directory, as stock sftp takes it for one that isn't there yet.
      const upload = ["put", ...checks, ...(small ? ["-r", `${from}/`] : [from]), `${host}:put`];
      const args = up || small ? upload : ["get", ...checks, `${host}:${far}`, got];
      seconds = await moorage(config, port, bytes, args);
    }
    compare(from, up || small ? stored : got);
    clean();
    return seconds;
  };
}

function row(kind: Kind, plan: Plan, ours: readonly number[], theirs: readonly number[]): string {
  const bytes = kind.startsWith("long") ? plan.longSize : plan.size;
  const rate = (seconds: number): string =>
    kind === "small"
      ? `${(SMALL_FILES / seconds).toFixed(0)} files/s`
      : `${(bytes / 1e6 / seconds).toFixed(0)} MB/s`;
  const ratio = median(ours.map((seconds, i) => (theirs[i] ?? seconds) / seconds));
  const target = TARGETS[kind];
  const verdict =
    target === undefined ? "" : `>=${target.toFixed(2)} ${ratio >= target ? "yes" : "NO"}`;
  const cells = [
    kind.padEnd(13),
    rate(median(ours)).padStart(13),
    rate(median(theirs)).padStart(13),
  ];
  return [...cells, ratio.toFixed(2).padStart(6), verdict.padStart(11)].join("  ").trimEnd();
}

/** Runs the plan; everything it made is gone afterwards. */
export async function clientBenchmark(
  plan: Plan,
  progress: (text: string) => void,
  onWorkspace: (workspace: Workspace) => void,
): Promise<string> {
  const workspace = makeWorkspace(plan.size);
  onWorkspace(workspace);
  process.env.XDG_STATE_HOME = join(workspace.root, "state");
  let line: ChildProcess | undefined;
  try {
    const peer = await startMoorage(workspace);
    const long = await startLine(peer.port, plan.delay);
    line = long.line;
    const longFile = join(workspace.root, "long");
    await run("cp", ["--", workspace.payload, longFile], "", 600);
    await run("truncate", ["-s", String(plan.longSize), longFile], "", 60);
    await sftp(peer, workspace, CIPHER, [
      `put ${workspace.payload} source`,
      `put ${longFile} long`,
    ]);
    const step = steps(workspace, peer, long.port, longFile);
    const rows = ["               this client        OpenSSH   ratio       target"];
    for (const kind of plan.kinds) {
      const times: Record<"moorage" | "openssh", number[]> = { moorage: [], openssh: [] };
      for (let pair = 0; pair <= plan.pairs; pair++) {
        progress(`${kind}: ${pair === 0 ? "warm-up" : `pair ${pair} of ${plan.pairs}`}`);
        for (const client of ["moorage", "openssh"] as const) {
          const seconds = await step(client, kind);
          if (pair > 0) times[client].push(seconds);
        }
      }
      rows.push(row(kind, plan, times.moorage, times.openssh));
    }
    return `${rows.join("\n")}\n\nmedians; ${CIPHER}; the long line's round trip: ${plan.delay} ms\n`;
  } finally {
    line?.kill();
    await stopAll();
    workspace.remove();
  }
}
