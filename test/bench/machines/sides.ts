import { join } from "node:path";
import { NodeSet, type SetNode } from "../../support/node-set.ts";
import { descendants } from "../../support/sshd.ts";
import { type Peer, startMoorage } from "../peers.ts";
import { alsoStop, cpuOfAll, memoryOfAll } from "../processes.ts";
import type { Workspace } from "../workspace.ts";
import type { MachinesPlan } from "./plan.ts";

/** Who works: each a user of their own, on the nodes in turn. */
export const USERS = ["bench", "second"] as const;
const NAMES = ["one", "two"];

/** One of the two that are compared. */
export interface Side {
  readonly name: "sqlite" | "postgres";
  /** the first user, on the first node */
  readonly user: Peer;
  /** two users; where there are two nodes, each on another */
  readonly both: readonly [Peer, Peer];
}

/** One node on SQLite. */
export async function sqliteSide(workspace: Workspace, plan: MachinesPlan): Promise<Side> {
  const flags = ["--server-workers", `${plan.workers}`];
  const user = await startMoorage(workspace, "sqlite", flags);
  return { name: "sqlite", user, both: [user, user.another("second")] };
}

/** @param way see NodeSetOptions */
export async function startNodes(
  workspace: Workspace,
  { workers, fsync }: Pick<MachinesPlan, "workers" | "fsync">,
  way?: (port: number) => Promise<number>,
): Promise<NodeSet> {
  const set = await NodeSet.start(
    {
      names: NAMES,
      workers,
      parent: workspace.root,
      database: fsync ? ["fsync=on"] : [],
      ...(way === undefined ? {} : { way }),
    },
    async (made) => {
      for (const user of USERS) {
        await made.moorage([
          "user",
          "add",
          user,
          "--key",
          `${workspace.key}.pub`,
          "--quota",
          "100GiB",
        ]);
      }
    },
  );
  alsoStop(() => set.stop());
  return set;
}

/** The nodes as what stock clients are measured with. */
export function postgresSide(set: NodeSet): Side {
  const [first, second] = set.nodes;
  if (first === undefined || second === undefined) throw new Error("two nodes are needed");
  const user = peerOf(set, first, USERS[0]);
  return { name: "postgres", user, both: [user, peerOf(set, second, USERS[1])] };
}

/** A user of a node. CPU and memory are those of all nodes. */
export function peerOf(set: NodeSet, node: SetNode, user: string): Peer {
  const family = () => set.nodes.flatMap(({ child: { pid = 0 } }) => [pid, ...descendants(pid)]);
  const peer: Peer = {
    name: "moorage on PostgreSQL",
    user,
    port: node.port,
    from: user === USERS[0] ? "127.0.0.1" : "127.0.0.2",
    home: join(set.root, "homes", user),
    cpu: async () => cpuOfAll(family()),
    memory: () => memoryOfAll(family()),
    another: (name) => ({ ...peer, user: name, home: join(set.root, "homes", name) }),
    stop: () => set.stop(),
  };
  return peer;
}
