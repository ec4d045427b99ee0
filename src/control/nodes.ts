import { setTimeout as sleep } from "node:timers/promises";
import { residentBytes } from "../processes.ts";
import type { StoreNode } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import { connectNode } from "./client.ts";
import { ControlError } from "./errors.ts";
import type { Control, DiskInfo, FailingReceiver, LoopDelay, Overview } from "./protocol.ts";

const POLL_MS = 50;
/** What a server may take to tell of itself. */
const PATIENCE_MS = 5_000;

/** A process that serves, as `status --json` prints it. */
export interface WorkerStatus {
  readonly pid: number;
  readonly sessions: number;
  /** what it has in memory, in bytes */
  readonly rssBytes: number;
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
}

/** The instance as `status --json` prints it; the single values are those of the oldest server. */
export interface InstanceStatus {
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
  const overviews = await Promise.all(servers.map(({ id }) => overviewOf(root, id)));
  const active = (node: StoreNode) =>
    sessions.filter((s) => s.nodeId === node.id && s.state === "active").length;
  const nodes = servers.map((node, at) => ({
    pid: node.pid,
    listen: node.listen,
    sessions: sum(workersOf(node).map(active)),
    version: node.version,
    uptimeSeconds: Math.max(0, Math.floor((Date.now() - node.startedAt) / 1000)),
    loopDelay: overviews[at]?.loopDelay ?? null,
  }));
  const [first] = nodes;
  if (first === undefined) return notRunning(version);
  const disk = overviews.find((overview) => overview !== undefined)?.disk ?? null;
  const waiting = sessions.filter((s) => s.state === "waiting").length;
  return {
    running: true,
    ...first,
    sessions: sum(nodes.map((node) => node.sessions)),
    waiting,
    nodes,
    workers: servers.flatMap(workersOf).map((worker) => ({
      pid: worker.pid,
      sessions: active(worker),
      rssBytes: residentBytes(worker.pid),
    })),
    disk,
    failingReceivers: await failingReceivers(store),
  };
}

/** Of those that the settings have. */
export async function failingReceivers(store: Pick<Store, "events">): Promise<FailingReceiver[]> {
  const all = await store.events.list();
  return all
    .filter(({ failures, active }) => failures > 0 && active === 1)
    .map(({ name, queued, lastError }) => ({ name, queued, lastError }));
}

/** What a server tells of itself; undefined when it doesn't answer in time. */
async function overviewOf(root: string, nodeId: string): Promise<Overview | undefined> {
  const control = await reach(root, nodeId);
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
 * Asks every server process of the instance to stop, and waits until they are gone. One that is
 * stopping already ends its transfers at once.
 * @returns the process ids that were stopped; empty when none ran
 */
export async function stopServers(store: Store, options: StopOptions): Promise<number[]> {
  const servers = await runningServers(store);
  const told = await Promise.all(servers.map((node) => tellToStop(node, options)));
  try {
    await waitUntilGone(store, servers, told, options);
    return servers.map(({ pid }) => pid);
  } finally {
    for (const one of told) one.close();
  }
}

async function waitUntilGone(
  store: Store,
  servers: readonly StoreNode[],
  told: readonly Told[],
  { onWait, progressMs, timeoutMs }: StopOptions,
): Promise<void> {
  const started = Date.now();
  let nextProgress = started + progressMs;
  for (;;) {
    const left = await stillThere(store, servers);
    if (left.length === 0) return;
    const now = Date.now();
    if (now - started > timeoutMs) {
      const pids = left.map(({ pid }) => pid).join(", ");
      throw new ControlError(
        `the server is still stopping (pid ${pids}): run stop again to end it at once`,
      );
    }
    if (now >= nextProgress) {
      onWait(
        left.map(({ pid }) => pid),
        sum(told.map(({ transfers }) => transfers)),
      );
      nextProgress = now + progressMs;
    }
    await sleep(POLL_MS);
  }
}

export interface StopOptions {
  /** the instance's directory: its processes are told over their sockets, else by a signal */
  readonly root?: string;
  /** what running transfers get; absent: what the server gives */
  readonly graceMs?: number;
  /** called with the processes still there and their files still open, after each `progressMs` */
  readonly onWait: (pids: readonly number[], transfers: number) => void;
  readonly progressMs: number;
  /** how long to wait before giving up */
  readonly timeoutMs: number;
}

/** A process that was told to stop. */
interface Told {
  /** files still open, where that is known */
  transfers: number;
  close(): void;
}

async function tellToStop({ id, pid }: StoreNode, options: StopOptions): Promise<Told> {
  const { root, graceMs } = options;
  const control = root === undefined ? undefined : await reach(root, id);
  const told: Told = { transfers: 0, close: () => control?.close() };
  try {
    if (control === undefined) throw new ControlError("not reached");
    const { stopping } = await control.call("overview", {});
    control.subscribe("stopping", {}, ({ transfers }) => {
      told.transfers = transfers;
    });
    if (stopping) await control.call("stop", { graceMs: 0 });
    else await control.call("stop", graceMs === undefined ? {} : { graceMs });
  } catch {
    // It may have ended meanwhile: then there is nobody to signal.
    signal(pid);
  }
  return told;
}

async function reach(root: string, nodeId: string): Promise<Control | undefined> {
  try {
    return await connectNode(root, nodeId);
  } catch {
    return undefined;
  }
}

/**
 * The servers that run, without their workers. Alive means that pid, start time and boot are those of
 * the row: never a stranger's process.
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
  // Process ids and sockets of another machine are nothing that can be signalled or asked from here.
  const all = (await store.nodes.list()).filter(
    ({ kind, alive, isHere }) => kind === "server" && alive && isHere,
  );
  const ids = new Set(all.map(({ id }) => id));
  // A worker whose supervisor was killed is a server by itself, for the moment it still takes to end.
  const servers = all.filter(({ supervisor }) => !ids.has(supervisor));
  const workersOf = (server: StoreNode) => {
    const workers = all.filter(({ supervisor }) => supervisor === server.id);
    return workers.length > 0 ? workers : [server];
  };
  return { servers, workersOf };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

async function stillThere(store: Store, before: readonly StoreNode[]): Promise<StoreNode[]> {
  const ids = new Set(before.map(({ id }) => id));
  return (await runningServers(store)).filter(({ id }) => ids.has(id));
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ESRCH") return;
    if (code !== "EPERM") throw thrown;
    throw new ControlError(`not allowed to stop pid ${pid}: run this as the server's user`);
  }
}
