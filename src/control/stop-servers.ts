import { setTimeout as sleep } from "node:timers/promises";
import type { StoreNode } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import { ControlError, EXIT } from "./errors.ts";
import { reach } from "./machines.ts";
import { machineName } from "./node-list.ts";
import { runningServers } from "./nodes.ts";
import type { Control } from "./protocol.ts";

const POLL_MS = 50;

/** Which servers: those of this machine, of all, or one by its id or its machine's name. */
export type Which = "here" | "all" | { readonly node: string };

export interface StopOptions {
  /** the instance's directory: its processes are told over their sockets, else by a signal */
  readonly root?: string;
  /** what running transfers get; absent: what the server gives */
  readonly graceMs?: number;
  /** default: those of this machine */
  readonly which?: Which;
  /** called with the processes still there and their files still open, after each `progressMs` */
  readonly onWait: (pids: readonly number[], transfers: number) => void;
  readonly progressMs: number;
  /** how long to wait before giving up */
  readonly timeoutMs: number;
}

/**
 * Asks servers of the instance to stop, and waits until they are gone. One that is stopping already
 * ends its transfers at once.
 * @returns those that were stopped; empty when none ran
 */
export async function stopServers(
  store: Store,
  options: StopOptions,
): Promise<readonly StoreNode[]> {
  const { which = "here" } = options;
  const servers = await chosenServers(store, which);
  const alone = typeof which === "object";
  const telling = await Promise.allSettled(
    servers.map((node) => tellToStop(store, node, options, alone)),
  );
  const told = telling.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  try {
    for (const one of telling) if (one.status === "rejected") throw one.reason;
    await waitUntilGone(store, servers, told, options);
    return servers;
  } finally {
    for (const one of told) one.close();
  }
}

/**
 * The servers that run and are meant.
 * @throws ControlError (rejected) when one is named and there is none such, or more than one
 */
export async function chosenServers(store: Store, which: Which): Promise<readonly StoreNode[]> {
  const all = await runningServers(store);
  if (which === "all") return all;
  if (which === "here") return all.filter(({ isHere }) => isHere);
  const { node: name } = which;
  const found = all.filter((node) => node.id.startsWith(name) || machineName(node) === name);
  if (found.length === 1) return found;
  const what = found.length === 0 ? "no server runs that is" : "several servers run that are";
  const code = found.length === 0 ? EXIT.notRunning : EXIT.usage;
  throw new ControlError(`${what} ${JSON.stringify(name)}: \`moorage nodes\` shows all`, code);
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
        told.reduce((sum, { transfers }) => sum + transfers, 0),
      );
      nextProgress = now + progressMs;
    }
    await sleep(POLL_MS);
  }
}

/** A process that was told to stop. */
interface Told {
  /** files still open, where that is known */
  transfers: number;
  close(): void;
}

async function tellToStop(
  store: Store,
  node: StoreNode,
  { root, graceMs }: StopOptions,
  alone: boolean,
): Promise<Told> {
  const control = await controlOf(store, node, root);
  const told: Told = { transfers: 0, close: () => control?.close() };
  const how = alone ? { alone } : {};
  try {
    if (control === undefined) throw new ControlError("not reached");
    const { stopping } = await control.call("overview", {});
    control.subscribe("stopping", {}, ({ transfers }) => {
      told.transfers = transfers;
    });
    if (stopping) await control.call("stop", { graceMs: 0, ...how });
    else await control.call("stop", { ...(graceMs !== undefined && { graceMs }), ...how });
  } catch (thrown) {
    // It may have ended meanwhile: then there is nobody to signal.
    if (node.isHere) signal(node.pid);
    else if (await isThere(store, node)) {
      told.close();
      throw thrown;
    }
  }
  return told;
}

async function controlOf(
  store: Store,
  node: StoreNode,
  root: string | undefined,
): Promise<Control | undefined> {
  if (root === undefined && node.isHere) return undefined;
  return reach({ root: root ?? "", store }, node).catch(() => undefined);
}

async function isThere(store: Store, node: StoreNode): Promise<boolean> {
  return (await stillThere(store, [node])).length > 0;
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
