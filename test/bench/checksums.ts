import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseSize } from "../../src/text/units.ts";
import { CIPHER, sftp, ssh } from "./client.ts";
import { type Peer, startMoorage, startOpenSsh } from "./peers.ts";
import { median } from "./report.ts";
import { makeWorkspace, type Workspace } from "./workspace.ts";

export const CHECKSUMS_USAGE = `usage: npm run bench -- checksums [options]

What checksums along with uploads cost, and how long md5sum takes right after an upload.

  --pairs N         measured runs of each, 5
  --size SIZE       the file, 1GiB
  --line KBIT       the slower line, in kbit/s, 1000000
`;

interface Plan {
  readonly pairs: number;
  readonly size: number;
  readonly line: number;
}

/** @throws Error that says which option is wrong */
export function parseChecksumsPlan(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      pairs: { type: "string", default: "5" },
      size: { type: "string", default: "1GiB" },
      line: { type: "string", default: "1000000" },
    },
  });
  const [pairs, line] = [Number(values.pairs), Number(values.line)];
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error("--pairs: a number from 1 on");
  if (!Number.isInteger(line) || line < 1) throw new Error("--line: a number from 1 on");
  return { pairs, size: parseSize(values.size), line };
}

interface Peers {
  /** checksums along with uploads, as by default */
  readonly along: Peer;
  /** none */
  readonly plain: Peer;
  readonly openssh: Peer;
}

/** Seconds, by what took them. */
type Times = Record<
  "plain" | "along" | "atOnce" | "again" | "slow" | "slowAtOnce" | "openssh",
  number[]
>;

async function upload(peer: Peer, workspace: Workspace, ...more: string[]): Promise<number> {
  const put = [`put ${workspace.payload} put`];
  return (await sftp(peer, workspace, CIPHER, put, more)).seconds;
}

async function remove(peer: Peer, workspace: Workspace): Promise<void> {
  await sftp(peer, workspace, CIPHER, ["rm put"]);
}

async function round(peers: Peers, workspace: Workspace, line: number, times: Times) {
  const { along, plain, openssh } = peers;
  const md5sum = (peer: Peer) => ssh(peer, workspace, "md5sum put");
  times.plain.push(await upload(plain, workspace));
  await remove(plain, workspace);
  times.along.push(await upload(along, workspace));
  times.atOnce.push(await md5sum(along));
  times.again.push(await md5sum(along));
  await remove(along, workspace);
  times.slow.push(await upload(along, workspace, "-l", String(line)));
  times.slowAtOnce.push(await md5sum(along));
  await remove(along, workspace);
  await upload(openssh, workspace);
  times.openssh.push(await ssh(openssh, workspace, `md5sum ${join(openssh.home, "put")}`));
  await remove(openssh, workspace);
}

function table(times: Times, { size, line }: Plan): string {
  const rate = (seconds: readonly number[]): string =>
    `${(size / 1e6 / median(seconds)).toFixed(0)} MB/s`;
  const ratios = times.along.map((seconds, i) => (times.plain[i] ?? seconds) / seconds);
  const seconds = (of: readonly number[]): string => `${median(of).toFixed(3)} s`;
  const rows: [string, string][] = [
    ["put without checksums", rate(times.plain)],
    [
      "put with md5 and sha256",
      `${rate(times.along)}, ratio ${median(ratios).toFixed(2)}, target >=0.85`,
    ],
    [`put at ${line} kbit/s`, rate(times.slow)],
    ["md5sum after that", seconds(times.slowAtOnce)],
    ["md5sum after the put at full speed", seconds(times.atOnce)],
    ["md5sum again", seconds(times.again)],
    ["md5sum through OpenSSH", seconds(times.openssh)],
  ];
  const lines = rows.map(([name, figure]) => `${name.padEnd(36)}  ${figure}`);
  return `${lines.join("\n")}\n\nmedians; times with log-in\n`;
}

/** Runs the plan. Everything it made is gone afterwards, also when it fails. */
export async function checksumsBenchmark(
  plan: Plan,
  progress: (text: string) => void,
  onWorkspace: (workspace: Workspace) => void,
): Promise<string> {
  const workspace = makeWorkspace(plan.size);
  onWorkspace(workspace);
  const running: Peer[] = [];
  const started = async (peer: Promise<Peer>): Promise<Peer> => {
    running.push(await peer);
    return peer;
  };
  const times: Times = {
    plain: [],
    along: [],
    atOnce: [],
    again: [],
    slow: [],
    slowAtOnce: [],
    openssh: [],
  };
  try {
    const peers = {
      openssh: await started(startOpenSsh(workspace)),
      along: await started(startMoorage(workspace, "along")),
      plain: await started(startMoorage(workspace, "plain", ["--digests-on-upload", ""])),
    };
    for (const peer of [peers.along, peers.plain]) {
      await upload(peer, workspace);
      await remove(peer, workspace);
    }
    for (let pair = 1; pair <= plan.pairs; pair += 1) {
      progress(`pair ${pair} of ${plan.pairs}`);
      await round(peers, workspace, plan.line, times);
    }
    return table(times, plan);
  } finally {
    await Promise.all(running.map((peer) => peer.stop()));
    workspace.remove();
  }
}
