import { stopAll } from "../processes.ts";
import { makeWorkspace, type Workspace } from "../workspace.ts";
import { failovers } from "./failover.ts";
import type { MachinesPlan } from "./plan.ts";
import { machinesTable, type Row, type Trips } from "./report.ts";
import { postgresSide, type Side, sqliteSide, startNodes } from "./sides.ts";
import { type Step, stepsOf } from "./steps.ts";
import { countTrips } from "./trips.ts";

interface Taken {
  readonly step: Step;
  readonly values: Record<Side["name"], number[]>;
}

/** Each step on one side and on the other, each going first now and then. */
async function compare(
  plan: MachinesPlan,
  workspace: Workspace,
  progress: (text: string) => void,
): Promise<Row[]> {
  const steps = stepsOf(plan);
  if (steps.length === 0) return [];
  const sides = [
    await sqliteSide(workspace, plan),
    postgresSide(await startNodes(workspace, plan)),
  ];
  const taken = steps.map((step): Taken => ({ step, values: { sqlite: [], postgres: [] } }));
  // The first time takes longer.
  for (const { run } of steps) for (const side of sides) await run(side, workspace, plan);
  for (let round = 0; round < plan.rounds; round += 1) {
    const turn = round % 2 === 0 ? sides : sides.toReversed();
    for (const { step, values } of taken) {
      progress(`round ${round + 1} of ${plan.rounds}: ${step.name}`);
      for (const side of turn) values[side.name].push(await step.run(side, workspace, plan));
    }
  }
  return taken.map(({ step: { name, unit, target }, values }) => ({
    name,
    unit,
    target,
    ...values,
  }));
}

/** Runs the plan. Everything it made is gone afterwards, also when it fails. */
export async function machinesBenchmark(
  plan: MachinesPlan,
  progress: (text: string) => void,
  onWorkspace: (workspace: Workspace) => void,
): Promise<string> {
  const workspace = makeWorkspace(plan.size, { copies: 5, files: plan.files });
  onWorkspace(workspace);
  try {
    const rows = await compare(plan, workspace, progress);
    await stopAll();
    const has = (kind: MachinesPlan["kinds"][number]) => plan.kinds.includes(kind);
    const trips: Trips[] = has("trips") ? await countTrips(workspace, plan, progress) : [];
    const failover = has("failover") ? await failovers(workspace, plan, progress) : [];
    const measured = { plan, inMemory: workspace.inMemory, rows, trips, failover };
    return plan.json ? `${JSON.stringify(measured, null, 2)}\n` : machinesTable(measured);
  } finally {
    await stopAll();
    workspace.remove();
  }
}
