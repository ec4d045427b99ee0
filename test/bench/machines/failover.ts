import { setTimeout as sleep } from "node:timers/promises";
import { OpenFlag } from "../../../src/sftp/wire/constants.ts";
import type { NodeSet, SetNode } from "../../support/node-set.ts";
import { closeSession, openSession } from "../crowd/session.ts";
import type { Peer } from "../peers.ts";
import type { Workspace } from "../workspace.ts";
import type { MachinesPlan } from "./plan.ts";
import { peerOf, startNodes, USERS } from "./sides.ts";

/** Processes that serve, of each node: a machine is lost with its supervisor and workers. */
const WORKERS = 2;
/** Between two tries to write on the other machine. */
const RETRY_MS = 50;
const LIMIT_MS = 120_000;

/** @returns for each round, ms from a machine's death to its user's first write on the other */
export async function failovers(
  workspace: Workspace,
  plan: MachinesPlan,
  progress: (text: string) => void,
): Promise<number[]> {
  const set = await startNodes(workspace, { ...plan, workers: WORKERS });
  const times: number[] = [];
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      progress(`round ${round + 1} of ${plan.rounds}: failover`);
      times.push(await failover(set, workspace, round));
    }
    return times;
  } finally {
    await set.stop();
  }
}

async function failover(set: NodeSet, workspace: Workspace, round: number): Promise<number> {
  const [one, two] = set.nodes;
  if (one === undefined || two === undefined) throw new Error("two nodes are needed");
  const session = await openSession(peerOf(set, one, USERS[0]), workspace);
  // The home is held by the machine that is lost, with a file that is still being written.
  await session.sftp.put(`/before-${round}`, "x");
  await session.sftp.open(`/open-${round}`, OpenFlag.WRITE | OpenFlag.CREAT);
  const begin = performance.now();
  await kill(one);
  session.client.destroy();
  await firstWrite(peerOf(set, two, USERS[0]), workspace, `/after-${round}`);
  const ms = performance.now() - begin;
  await set.startNode(one.name);
  return ms;
}

/** All of a machine's processes at once; nothing of them is told to the database. */
async function kill({ pid, exited }: SetNode): Promise<void> {
  process.kill(pid, "SIGKILL");
  await exited;
}

async function firstWrite(peer: Peer, workspace: Workspace, path: string): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const session = await openSession(peer, workspace);
      try {
        await session.sftp.put(path, "x");
        await closeSession(session);
        return;
      } finally {
        session.client.destroy();
      }
    } catch (thrown) {
      last = thrown;
      await sleep(RETRY_MS);
    }
  }
  throw new Error(`nobody could write on the other machine: ${(last as Error).message}`);
}
