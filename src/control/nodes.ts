import { residentBytes } from "../processes.ts";
import type { StoreNode } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import { reach } from "./machines.ts";
import { machineName } from "./node-list.ts";
import type { DiskInfo, FailingReceiver, LoopDelay, Overview } from "./protocol.ts";

/** What a server may take to tell of itself. */
const PATIENCE_MS = 5_000;

/** A process that serves, as `status --json` prints it. */
export interface WorkerStatus {
  readonly pid: number;
  readonly sessions: number;
  /** what it has in memory, in bytes; null: of another machine's */
  readonly rssBytes: number | null;
  /** what people call the machine; absent where there is one alone */
  readonly machine?: string;
}

/** A running server, as `status --json` prints it. */
export interface NodeStatus {
  readonly pid: number;
  readonly listen: string;
  readonly sessions: number;
  readonly version: string;
  readonly uptimeSeconds: number;
  /** null: it can't be asked, or is of a version that doesn't tell */
  readonly loopDelay: LoopDelay | null;
  /** what people call the machine; absent where there is one alone */
  readonly machine?: string;
}

/** The instance as `status --json` prints it; the single values are those of this machine's oldest server. */
export interface InstanceStatus {
  /** a server runs on this machine */
  readonly running: boolean;
  readonly pid: number | null;
  readonly listen: string | null;
  /** logged-in sessions of all servers */
  readonly sessions: number;
  /** logins that wait for a free place */
  readonly waiting: number;
  readonly version: string;
  readonly uptimeSeconds: number | null;
  readonly loopDelay: LoopDelay | null;
  /** servers; each may have several workers */
  readonly nodes: readonly NodeStatus[];
  /** the processes that serve: of all servers */
  readonly workers: readonly WorkerStatus[];
  /** as the server sees it; null: it does not run, or can't be asked */
  readonly disk: DiskInfo | null;
  /** receivers of events that were not reached the last time */
  readonly failingReceivers: readonly FailingReceiver[];
}

/** @param version the asking program's, given when nothing runs */
export function notRunning(version: string): InstanceStatus {
  return {
    running: false,
    pid: null,
    listen: null,
    sessions: 0,
    waiting: 0,
    version,
    uptimeSeconds: null,
    loopDelay: null,
    nodes: [],
    workers: [],
    disk: null,
    failingReceivers: [],
  };
}

/** @param root the instance's directory: its servers are asked over their sockets */
export async function instanceStatus(
  store: Store,
  version: string,
  root: string,
): Promise<InstanceStatus> {
  const sessions = await store.sessions.list();
  const { servers, workersOf } = await runningNodes(store);
  const overviews = await Promise.all(servers.map((node) => overviewOf(root, store, node)));
  const several = servers.some(({ isHere }) => !isHere);
  const machine = (node: StoreNode) => (several ? { machine: machineName(node) } : {});
  const active = (node: StoreNode) =>
    sessions.filter((s) => s.nodeId === node.id && s.state === "active").length;
  const nodes = servers.map((node, at) => ({
    pid: node.pid,
    listen: node.listen,
    sessions: sum(workersOf(node).map(active)),
    version: node.version,
    uptimeSeconds: Math.max(0, Math.floor((Date.now() - node.startedAt) / 1000)),
    loopDelay: overviews[at]?.loopDelay ?? null,
    ...machine(node),
  }));
  const first = nodes.find((_, at) => servers[at]?.isHere);
  const { machine: _, ...own } = first ?? {};
  if (nodes.length === 0) return notRunning(version);
  return {
    ...notRunning(version),
    ...own,
    running: first !== undefined,
    sessions: sum(nodes.map((node) => node.sessions)),
    waiting: sessions.filter((s) => s.state === "waiting").length,
    nodes,
    workers: servers.flatMap(workersOf).map((worker) => ({
      pid: worker.pid,
      sessions: active(worker),
      rssBytes: worker.isHere ? residentBytes(worker.pid) : null,
      ...machine(worker),
    })),
    disk: diskOf(servers, overviews),
    failingReceivers: await failingReceivers(store),
  };
}

/** As this machine sees it, where one of its servers does. */
function diskOf(
  servers: readonly StoreNode[],
  overviews: readonly (Overview | undefined)[],
): DiskInfo | null {
  const here = overviews.find((overview, at) => overview && servers[at]?.isHere);
  return (here ?? overviews.find((overview) => overview))?.disk ?? null;
}

/** Of those that the settings have. */
export async function failingReceivers(store: Pick<Store, "events">): Promise<FailingReceiver[]> {
  const all = await store.events.list();
  return all
    .filter(({ failures, active }) => failures > 0 && active === 1)
    .map(({ name, queued, lastError }) => ({ name, queued, lastError }));
}

/** What a server tells of itself; undefined when it doesn't answer in time. */
async function overviewOf(
  root: string,
  store: Store,
  node: StoreNode,
): Promise<Overview | undefined> {
  const control = await reach({ root, store }, node).catch(() => undefined);
  // Closing ends the call.
  const patience = setTimeout(() => control?.close(), PATIENCE_MS);
  try {
    return await control?.call("overview", {});
  } catch {
    // It may have ended meanwhile.
    return undefined;
  } finally {
    clearTimeout(patience);
    control?.close();
  }
}

/**
 * The servers that run, without their workers, this machine's first. Alive means of this machine that
 * pid, start time and boot are those of the row: never a stranger's process.
 */
export async function runningServers(store: Store): Promise<readonly StoreNode[]> {
  return (await runningNodes(store)).servers;
}

interface RunningNodes {
  readonly servers: readonly StoreNode[];
  /** the processes in which a server serves: itself where it has no workers */
  workersOf(server: StoreNode): readonly StoreNode[];
}

async function runningNodes(store: Store): Promise<RunningNodes> {
  const all = (await store.nodes.list()).filter(({ kind, alive }) => kind === "server" && alive);
  const ids = new Set(all.map(({ id }) => id));
  // A worker whose supervisor was killed is a server by itself, for the moment it still takes to end.
  const heads = all.filter(({ supervisor }) => !ids.has(supervisor));
  const servers = [
    ...heads.filter(({ isHere }) => isHere),
    ...heads.filter(({ isHere }) => !isHere),
  ];
  const workersOf = (server: StoreNode) => {
    const workers = all.filter(({ supervisor }) => supervisor === server.id);
    return workers.length > 0 ? workers : [server];
  };
  return { servers, workersOf };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
