import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { compare, negotiated, type Sample, sftp } from "./client.ts";
import { type Peer, startMoorage, startOpenSsh } from "./peers.ts";
import { makeWorkspace, SMALL_FILES, type Workspace } from "./workspace.ts";

export type Kind = "get" | "put" | "small";

export function isKind(text: string): text is Kind {
  return text === "get" || text === "put" || text === "small";
}

export interface Plan {
  readonly pairs: number;
  /** bytes of the large file */
  readonly size: number;
  readonly ciphers: readonly string[];
  readonly kinds: readonly Kind[];
}

/** One line of the table: the samples of both servers, the n-th of one beside the n-th of the other. */
export interface Series {
  readonly name: "get" | "put" | "put -r" | "get -r";
  readonly cipher: string;
  /** what one run moves: bytes, or files for the small ones */
  readonly amount: number;
  readonly moorage: Sample[];
  readonly openssh: Sample[];
}

export interface Measured {
  readonly inMemory: boolean;
  /** "server cipher" → what was agreed on */
  readonly negotiated: Readonly<Record<string, string>>;
  readonly series: readonly Series[];
}

export type Step = (peer: Peer, cipher: string, check: boolean) => Promise<Sample>;

/** The runs that are measured. With `check` the bytes are compared afterwards, outside of the time. */
export function steps(workspace: Workspace): Record<Series["name"], Step> {
  const { payload, small, down } = workspace;
  let turn = 0;
  const target = join(down, "got");
  return {
    async put(peer, cipher, check) {
      const sample = await sftp(peer, workspace, cipher, [`put ${payload} put`]);
      const stored = join(peer.home, "put");
      if (statSync(stored).size !== workspace.bytes) throw new Error("put: wrong size");
      if (check) compare(payload, stored);
      await sftp(peer, workspace, cipher, ["rm put"]);
      return sample;
    },
    async get(peer, cipher, check) {
      rmSync(target, { force: true });
      const sample = await sftp(peer, workspace, cipher, [`get source ${target}`]);
      if (statSync(target).size !== workspace.bytes) throw new Error("get: wrong size");
      if (check) compare(payload, target);
      rmSync(target);
      return sample;
    },
    async "put -r"(peer, cipher, check) {
      turn += 1;
      const sample = await sftp(peer, workspace, cipher, [`put -r ${small} small-${turn}`]);
      if (check) compare(small, join(peer.home, `small-${turn}`));
      return sample;
    },
    async "get -r"(peer, cipher, check) {
      const sample = await sftp(peer, workspace, cipher, [`get -r small ${target}`]);
      if (check) compare(small, target);
      rmSync(target, { recursive: true });
      return sample;
    },
  };
}

/** The files that the downloads fetch. */
export async function prepare(
  peer: Peer,
  workspace: Workspace,
  plan: Pick<Plan, "ciphers" | "kinds">,
): Promise<void> {
  const cipher = plan.ciphers[0] ?? "";
  const commands: string[] = [];
  if (plan.kinds.includes("get")) commands.push(`put ${workspace.payload} source`);
  if (plan.kinds.includes("small")) commands.push(`put -r ${workspace.small} small`);
  if (commands.length > 0) await sftp(peer, workspace, cipher, commands);
}

export function seriesOf(plan: Omit<Plan, "pairs">): Series[] {
  const fresh = (name: Series["name"], cipher: string, amount: number): Series => {
    return { name, cipher, amount, moorage: [], openssh: [] };
  };
  const list: Series[] = [];
  for (const cipher of plan.ciphers) {
    for (const kind of plan.kinds) if (kind !== "small") list.push(fresh(kind, cipher, plan.size));
  }
  const [first] = plan.ciphers;
  if (plan.kinds.includes("small") && first !== undefined) {
    list.push(fresh("put -r", first, SMALL_FILES), fresh("get -r", first, SMALL_FILES));
  }
  return list;
}

async function measure(
  plan: Plan,
  workspace: Workspace,
  peers: Record<"moorage" | "openssh", Peer>,
  progress: (text: string) => void,
): Promise<Measured> {
  const order = ["moorage", "openssh"] as const;
  const agreed: Record<string, string> = {};
  for (const name of order) {
    progress(`preparing ${name}`);
    await prepare(peers[name], workspace, plan);
    for (const cipher of plan.ciphers) {
      agreed[`${name} ${cipher}`] = negotiated(peers[name], workspace, cipher);
    }
  }
  const step = steps(workspace);
  const series = seriesOf(plan);
  for (const entry of series) {
    progress(`${entry.name} ${entry.cipher}: warm-up`);
    for (const name of order) await step[entry.name](peers[name], entry.cipher, true);
    for (let pair = 1; pair <= plan.pairs; pair += 1) {
      progress(`${entry.name} ${entry.cipher}: pair ${pair} of ${plan.pairs}`);
      for (const name of order) {
        entry[name].push(await step[entry.name](peers[name], entry.cipher, false));
      }
    }
  }
  return { inMemory: workspace.inMemory, negotiated: agreed, series };
}

/** Runs the plan on both servers in turn. Everything it made is gone afterwards, also when it fails. */
export async function transfer(
  plan: Plan,
  progress: (text: string) => void,
  onWorkspace: (workspace: Workspace) => void,
): Promise<Measured> {
  const workspace = makeWorkspace(plan.size);
  onWorkspace(workspace);
  const running: Peer[] = [];
  try {
    const openssh = await startOpenSsh(workspace);
    running.push(openssh);
    const moorage = await startMoorage(workspace);
    running.push(moorage);
    return await measure(plan, workspace, { moorage, openssh }, progress);
  } finally {
    await Promise.all(running.map((peer) => peer.stop()));
    workspace.remove();
  }
}
