import { hostname } from "node:os";
import type { StoreNode } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import type { NodeInfo } from "./node-protocol.ts";

/** What people call a process's machine. */
export function machineName({ host }: Pick<StoreNode, "host">): string {
  return host || hostname();
}

/**
 * All processes of all machines: this machine's first, each server with its workers behind it.
 * @param own a row that is left out: of the command that asks
 */
export async function nodeInfos(
  store: Pick<Store, "nodes" | "sessions">,
  own?: string,
): Promise<NodeInfo[]> {
  const all = (await store.nodes.list()).filter(({ id }) => id !== own);
  const sessions = await store.sessions.list();
  const supervisors = new Set(all.map(({ supervisor }) => supervisor));
  const infos = all.map((node) => ({
    id: node.id,
    machine: machineName(node),
    isHere: node.isHere,
    pid: node.pid,
    role: roleOf(node, supervisors),
    version: node.version,
    listen: node.listen,
    sessions: sessions.filter((one) => one.nodeId === node.id && one.state === "active").length,
    since: node.startedAt,
    renewedAt: node.renewedAt,
    state: node.alive ? ("alive" as const) : ("lost" as const),
    supervisor: node.supervisor,
  }));
  return inOrder(infos);
}

function roleOf(
  { id, kind, supervisor }: StoreNode,
  supervisors: ReadonlySet<string>,
): NodeInfo["role"] {
  if (kind === "command") return "command";
  if (supervisor !== "") return "worker";
  return supervisors.has(id) ? "supervisor" : "server";
}

function inOrder(infos: readonly NodeInfo[]): NodeInfo[] {
  const isLed = ({ supervisor }: NodeInfo) => infos.some(({ id }) => id === supervisor);
  const heads = infos.filter((info) => !isLed(info)).sort(byMachine);
  return heads.flatMap((head) => [
    head,
    ...infos.filter(({ supervisor }) => supervisor === head.id),
  ]);
}

/** Those that started first are first already. */
function byMachine(a: NodeInfo, b: NodeInfo): number {
  if (a.isHere !== b.isHere) return a.isHere ? -1 : 1;
  return Number(a.role === "command") - Number(b.role === "command") || order(a.machine, b.machine);
}

function order(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
