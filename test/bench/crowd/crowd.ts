import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batch, CIPHER } from "../client.ts";
import { atRest, type Peer, startMoorage, startOpenSsh } from "../peers.ts";
import { stopAll } from "../processes.ts";
import { makeWorkspace, type Workspace } from "../workspace.ts";
import { SOURCE } from "./bulk.ts";
import type { CrowdPlan } from "./plan.ts";
import { crowdTable, type Figure } from "./report.ts";
import { type Side, type Step, stepsOf, TINY } from "./steps.ts";

type Collected = Record<Side["name"], Figure[]>;

/** The users of one server; `startFresh` makes instances of their own names. */
function sideOf(
  name: Side["name"],
  user: Peer,
  plan: CrowdPlan,
  workspace: Workspace,
  start: (instance: string, sessions: number) => Promise<Peer>,
): Side {
  let count = 0;
  return {
    name,
    plan,
    workspace,
    user: atRest(user),
    bulk: user.another("bulk"),
    crowd: Array.from({ length: Math.max(2, plan.streams) }, (_, i) =>
      user.another(`crowd-${i + 1}`),
    ),
    startFresh(sessions) {
      count += 1;
      return start(`${name}-fresh-${count}`, sessions);
    },
  };
}

async function moorageSide(plan: CrowdPlan, workspace: Workspace): Promise<Side> {
  const workers = plan.workers === undefined ? [] : ["--server-workers", plan.workers];
  const user = await startMoorage(workspace, "instance", workers);
  return sideOf("moorage", user, plan, workspace, (name, sessions) => {
    const limits = ["--limits-max-sessions", "--limits-max-sessions-per-user"];
    const flags = limits.flatMap((flag) => [flag, String(sessions)]);
    return startMoorage(workspace, name, [...flags, ...workers]);
  });
}

async function opensshSide(plan: CrowdPlan, workspace: Workspace): Promise<Side> {
  return sideOf("openssh", await startOpenSsh(workspace), plan, workspace, (name) =>
    startOpenSsh(workspace, name),
  );
}

/** Stores the small files, and removes them. */
function putTree(peer: Peer, workspace: Workspace, name: string): Promise<void> {
  const lines = [
    `put -r ${workspace.small} ${name}`,
    `cd ${name}`,
    "rm *",
    "cd ..",
    `rmdir ${name}`,
  ];
  return batch(peer, workspace, CIPHER, lines);
}

/** Files that are measured with, each moved once: the first time takes longer. */
async function prepare({ user, bulk, crowd, workspace }: Side): Promise<void> {
  const tiny = join(workspace.root, TINY.name);
  const got = join(workspace.down, SOURCE);
  writeFileSync(tiny, randomBytes(TINY.bytes));
  await batch(user, workspace, CIPHER, [`put ${tiny} ${TINY.name}`]);
  await batch(bulk, workspace, CIPHER, [
    `put ${workspace.payload} ${SOURCE}`,
    `get ${SOURCE} ${got}`,
  ]);
  rmSync(got);
  await putTree(user, workspace, "small");
  const both = crowd.slice(0, 2);
  await Promise.all(both.map((peer, i) => putTree(peer, workspace, `small-${i + 1}`)));
  await user.cpu();
}

/** Runs the step, and waits until the server rests: it is not to disturb what comes next. */
async function runStep(step: Step, side: Side, rows: Map<string, Collected>): Promise<void> {
  for (const figure of await step.run(side)) {
    const row = rows.get(figure.name) ?? { moorage: [], openssh: [] };
    row[side.name].push(figure);
    rows.set(figure.name, row);
  }
  await side.user.cpu();
}

async function measure(
  plan: CrowdPlan,
  sides: readonly Side[],
  progress: (text: string) => void,
): Promise<Collected[]> {
  const rows = new Map<string, Collected>();
  for (const side of sides) {
    progress(`preparing ${side.name}`);
    await prepare(side);
  }
  for (let round = 0; round < plan.rounds; round += 1) {
    const turn = round % 2 === 0 ? sides : sides.toReversed();
    for (const step of stepsOf(plan)) {
      progress(`round ${round + 1} of ${plan.rounds}: ${step.name}`);
      for (const side of turn) await runStep(step, side, rows);
    }
  }
  return [...rows.values()];
}

/** How often the large file must fit at once: what streams store and fetch, sources, what bulk moves. */
function copies({ streams }: CrowdPlan): number {
  const [here, sources, bulk] = [1, 2, 4];
  return here + sources + Math.max(bulk, 2 * streams);
}

/** Runs the plan. Everything it made is gone afterwards, also when it fails. */
export async function crowdBenchmark(
  plan: CrowdPlan,
  progress: (text: string) => void,
  onWorkspace: (workspace: Workspace) => void,
): Promise<string> {
  const workspace = makeWorkspace(plan.size, { copies: copies(plan), files: plan.files });
  onWorkspace(workspace);
  const sides: Side[] = [];
  try {
    sides.push(await moorageSide(plan, workspace));
    sides.push(await opensshSide(plan, workspace));
    const rows = await measure(plan, sides, progress);
    const crowded = { plan, inMemory: workspace.inMemory, rows };
    return plan.json ? `${JSON.stringify(crowded, null, 2)}\n` : crowdTable(crowded);
  } finally {
    await stopAll();
    workspace.remove();
  }
}
