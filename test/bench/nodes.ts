import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseSize } from "../../src/text/units.ts";
import { clone, install } from "../nodes/clone.ts";
import { run } from "../nodes/commands.ts";
import { installNode, type NodeProgram } from "../nodes/node.ts";
import type { Sample } from "./client.ts";
import { type Peer, startMoorage } from "./peers.ts";
import { columns, median } from "./report.ts";
import { isKind, type Kind, prepare, type Series, seriesOf, steps } from "./transfer.ts";
import { makeWorkspace, type Workspace } from "./workspace.ts";

export const NODES_USAGE = `usage: npm run bench -- nodes [options]

Compares what is committed on several versions of Node.js, in turn, with the stock sftp client.

  --versions LIST   20,22,24,26
  --try "V FLAG…"   one more server on version V, with these flags of V8 and none of the program's
                    own; may be repeated, "26 " is without any
  --rounds N        measured runs of each, 5
  --size SIZE       the large file, 512MiB
  --ciphers LIST    aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr
  --only LIST       of get, put, small
  --json            all samples instead of the table
`;

/** Of the best of all versions, what each is to reach. */
const TARGET = 0.95;
const GIB = 2 ** 30;

/** One server: a version, and the flags that are tried on it. */
interface Contender {
  readonly name: string;
  readonly version: string;
  readonly flags: readonly string[] | undefined;
}

interface NodesPlan {
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly size: number;
  readonly ciphers: readonly string[];
  readonly kinds: readonly Kind[];
  readonly json: boolean;
}

interface Row extends Pick<Series, "name" | "cipher" | "amount"> {
  /** by the contender's place in the plan */
  readonly samples: Sample[][];
}

export function parseNodesPlan(args: readonly string[]): NodesPlan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      versions: { type: "string", default: "20,22,24,26" },
      try: { type: "string", multiple: true, default: [] },
      rounds: { type: "string", default: "5" },
      size: { type: "string", default: "512MiB" },
      ciphers: {
        type: "string",
        default: "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr",
      },
      only: { type: "string", default: "get,put,small" },
      json: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds: a number from 1 on");
  const kinds = values.only.split(",");
  if (!kinds.every(isKind)) throw new Error("--only: get, put, small");
  const contenders = [
    ...values.versions.split(",").map((version) => ({ name: version, version, flags: undefined })),
    ...values.try.map((text) => {
      const [version = "", ...flags] = text.trim().split(/\s+/);
      return { name: text.trim(), version, flags };
    }),
  ];
  if (!contenders.every(({ version }) => /^\d+(\.\d+){0,2}$/.test(version))) {
    throw new Error("a version is wanted such as 24 or 24.18.0");
  }
  const ciphers = values.ciphers.split(",");
  return { contenders, rounds, size: parseSize(values.size), ciphers, kinds, json: values.json };
}

interface Installed {
  readonly node: NodeProgram;
  readonly main: string;
}

async function installOn(version: string, workspace: Workspace): Promise<Installed> {
  const node = installNode(version, join(workspace.root, `node-${version}`));
  const program = join(workspace.root, `program-${version}`);
  clone(program);
  await install(node, program);
  await run("npm", ["run", "--silent", "build"], { cwd: program, env: node.env(), seconds: 300 });
  return { node, main: join(program, "dist/src/moorage.cjs") };
}

/** A module that is loaded first and sets these flags in place of the program's own. */
function presetFlags(workspace: Workspace, index: number, flags: readonly string[]): string {
  const file = join(workspace.root, `flags-${index}.cjs`);
  const lines = [
    'const v8 = require("node:v8");',
    ...flags.map((flag) => `v8.setFlagsFromString(${JSON.stringify(flag)});`),
    "v8.setFlagsFromString = () => {};",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

function startOn(
  { node, main }: Installed,
  { flags }: Contender,
  index: number,
  workspace: Workspace,
): Promise<Peer> {
  const options = flags === undefined ? [] : ["--require", presetFlags(workspace, index, flags)];
  const program = { node: [node.executable, ...options], main } as const;
  return startMoorage(workspace, `instance-${index}`, [], program);
}

async function measure(
  plan: NodesPlan,
  peers: readonly Peer[],
  workspace: Workspace,
  progress: (text: string) => void,
): Promise<Row[]> {
  for (const peer of peers) await prepare(peer, workspace, plan);
  const step = steps(workspace);
  const rows = seriesOf(plan).map(({ name, cipher, amount }): Row => {
    return { name, cipher, amount, samples: peers.map(() => []) };
  });
  for (const { name, cipher, samples } of rows) {
    for (const peer of peers) await step[name](peer, cipher, true);
    for (let round = 0; round < plan.rounds; round += 1) {
      progress(`${name} ${cipher}: round ${round + 1} of ${plan.rounds}`);
      // Each is the first now and then: who goes first after a pause runs on another clock.
      for (let i = 0; i < peers.length; i += 1) {
        const index = (round + i) % peers.length;
        samples[index]?.push(await step[name](peers[index] as Peer, cipher, false));
      }
    }
  }
  return rows;
}

function table(plan: NodesPlan, names: readonly string[], rows: readonly Row[]): string {
  const lines: string[][] = [["", "", "", ...names]];
  for (const { name, cipher, amount, samples } of rows) {
    const large = name === "get" || name === "put";
    const rate = samples.map((of) => median(of.map(({ seconds }) => amount / seconds)));
    const cpu = samples.map((of) => median(of.map((sample) => sample.cpu)));
    const best = Math.max(...rate);
    const scale = large ? 1e6 : 1;
    const head = [name, cipher.replace("@openssh.com", "")];
    const cells = rate.map((one) => {
      const ratio = one / best;
      return `${(one / scale).toFixed(0)} ${ratio.toFixed(2)}${ratio < TARGET ? "!" : " "}`;
    });
    lines.push([...head, large ? "MB/s" : "files/s", ...cells]);
    const per = large ? amount / GIB : 1;
    const seconds = cpu.map((one) => `${(one / per).toFixed(2)}      `);
    lines.push(["", "", large ? "CPU s/GiB" : "CPU s", ...seconds]);
  }
  const note = `medians of ${plan.rounds}; the ratio is to the best, ! below ${TARGET}; CPU is the server's`;
  return [...columns(lines, 3), "", note, ""].join("\n");
}

/** Everything it made is gone afterwards, also when it fails. */
export async function nodesBenchmark(
  plan: NodesPlan,
  progress: (text: string) => void,
  onWorkspace: (workspace: Workspace) => void,
): Promise<string> {
  const workspace = makeWorkspace(plan.size, { copies: 2 * plan.contenders.length + 1 });
  onWorkspace(workspace);
  const installed = new Map<string, Installed>();
  const peers: Peer[] = [];
  const names: string[] = [];
  try {
    for (const [index, contender] of plan.contenders.entries()) {
      const { version, flags = [] } = contender;
      progress(`installing and starting ${contender.name}`);
      const one = installed.get(version) ?? (await installOn(version, workspace));
      installed.set(version, one);
      peers.push(await startOn(one, contender, index, workspace));
      names.push([one.node.version, ...flags].join(" "));
    }
    const rows = await measure(plan, peers, workspace, progress);
    if (plan.json) return `${JSON.stringify({ names, rows }, null, 2)}\n`;
    return table(plan, names, rows);
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
    workspace.remove();
  }
}
