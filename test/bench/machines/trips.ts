import { setTimeout as sleep } from "node:timers/promises";
import { OpenFlag } from "../../../src/sftp/wire/constants.ts";
import { CountingProxy } from "../../support/counting-proxy.ts";
import type { SftpClient } from "../../support/sftp-client.ts";
import { closeSession, openSession } from "../crowd/session.ts";
import type { Peer } from "../peers.ts";
import { alsoStop } from "../processes.ts";
import type { Workspace } from "../workspace.ts";
import type { MachinesPlan } from "./plan.ts";
import type { Trips } from "./report.ts";
import { peerOf, startNodes, USERS } from "./sides.ts";

/** How often each is done. */
const TIMES = 100;
/** What happens by itself, such as signs of life, is counted so long, and taken off. */
const IDLE_MS = 10_000;
/** After a step: what it left to be written a moment later belongs to it. */
const AFTER_MS = 1_500;

type Operation = readonly [name: string, work: (sftp: SftpClient, at: number) => Promise<unknown>];

const KIB = Buffer.alloc(1024, 1);

const OPERATIONS: readonly Operation[] = [
  ["store a file of 1 KiB", (sftp, at) => sftp.put(`/f${at}`, KIB)],
  ["store it again", (sftp, at) => sftp.put(`/f${at}`, KIB)],
  ["read it", (sftp, at) => sftp.get(`/f${at}`)],
  ["stat", (sftp, at) => sftp.call(sftp.requests.stat(`/f${at}`))],
  ["rename", (sftp, at) => sftp.ok(sftp.requests.rename(`/f${at}`, `/g${at}`))],
  ["make a directory", (sftp, at) => sftp.ok(sftp.requests.mkdir(`/d${at}`))],
  ["remove a file", (sftp, at) => sftp.ok(sftp.requests.remove(`/g${at}`))],
  ["remove a directory", (sftp, at) => sftp.ok(sftp.requests.rmdir(`/d${at}`))],
];

/** Counts how often PostgreSQL is asked for each operation of a user, in an instance of its own. */
export async function countTrips(
  workspace: Workspace,
  plan: MachinesPlan,
  progress: (text: string) => void,
): Promise<Trips[]> {
  let proxy: CountingProxy | undefined;
  const set = await startNodes(workspace, plan, async (port) => {
    proxy = await CountingProxy.open(port);
    alsoStop(async () => proxy?.close());
    return proxy.port;
  });
  const [one, two] = set.nodes;
  if (proxy === undefined || one === undefined || two === undefined) throw new Error("no nodes");
  try {
    const counter = new Counter(proxy);
    const peer = peerOf(set, one, USERS[0]);
    await counter.rest();
    progress("round trips: logins");
    const login = await counter.each(TIMES, async () => {
      await closeSession(await openSession(peer, workspace));
    });
    const alone = await ofSession(peer, workspace, counter, "", progress);
    const other = peerOf(set, two, USERS[0]);
    const shared = await besideAnother(other, workspace, () =>
      ofSession(peer, workspace, counter, ", home shared by two nodes", progress),
    );
    const processes = plan.workers === 1 ? 2 : 2 * (plan.workers + 1);
    return [
      { operation: "by itself, in a second, of each process", trips: counter.idle / processes },
      { operation: "log in by key, open sftp, leave", trips: login },
      ...alone,
      ...shared,
    ];
  } finally {
    await set.stop();
    await proxy.close();
  }
}

async function ofSession(
  peer: Peer,
  workspace: Workspace,
  counter: Counter,
  how: string,
  progress: (text: string) => void,
): Promise<Trips[]> {
  const session = await openSession(peer, workspace);
  const found: Trips[] = [];
  try {
    // The home is found, and held or shared, before anything is counted.
    await session.sftp.put("/first", KIB);
    await session.sftp.ok(session.sftp.requests.remove("/first"));
    for (const [name, work] of OPERATIONS) {
      progress(`round trips: ${name}${how}`);
      const trips = await counter.each(TIMES, (at) => work(session.sftp, at));
      found.push({ operation: `${name}${how}`, trips });
    }
    await closeSession(session);
    return found;
  } finally {
    session.client.destroy();
  }
}

/** Meanwhile the same user has a file open on another node: so no process has the home alone. */
async function besideAnother<T>(
  peer: Peer,
  workspace: Workspace,
  work: () => Promise<T>,
): Promise<T> {
  const session = await openSession(peer, workspace);
  try {
    const { WRITE, CREAT } = OpenFlag;
    await session.sftp.open("/other", WRITE | CREAT);
    const result = await work();
    await closeSession(session);
    return result;
  } finally {
    session.client.destroy();
  }
}

class Counter {
  readonly #proxy: CountingProxy;
  /** by itself, each millisecond */
  #idle = 0;

  constructor(proxy: CountingProxy) {
    this.#proxy = proxy;
  }

  /** What happens by itself in a second, of all processes together. */
  get idle(): number {
    return 1_000 * this.#idle;
  }

  /** Counts what happens by itself. */
  async rest(): Promise<void> {
    this.#idle = (await this.#during(() => sleep(IDLE_MS))) / IDLE_MS;
  }

  /** Round trips for each time, without those that happen by themselves. */
  async each(times: number, work: (at: number) => Promise<unknown>): Promise<number> {
    const begin = performance.now();
    const all = await this.#during(async () => {
      for (let at = 0; at < times; at += 1) await work(at);
      await sleep(AFTER_MS);
    });
    const idle = this.#idle * (performance.now() - begin);
    return Math.max(0, all - idle) / times;
  }

  async #during(work: () => Promise<unknown>): Promise<number> {
    const before = this.#proxy.trips;
    await work();
    return this.#proxy.trips - before;
  }
}
